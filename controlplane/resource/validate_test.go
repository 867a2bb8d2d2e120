package resource

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/analyze"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestAChangeIsAnalyzedOnce: what was there before it is known from the change before, be
// there something to say about it or not; and what is reported is what it always was.
func TestAChangeIsAnalyzedOnce(t *testing.T) {
	k := newKeeper(t)
	analyses := 0
	k.analyze = func(all []config.Object, w config.World) []mesh.Finding {
		analyses++
		return analyze.Analyze(all, w)
	}
	instances := k.deps.Instances
	steps := []struct {
		name, manifest string
		dry, fresh     bool
		analyses       int
	}{
		{name: "the first", manifest: rule("reviews", "reviews", "v1"), analyses: 1},
		{name: "with a remark about itself", manifest: rule("nobody", "nobody", "v1"), analyses: 1},
		{name: "beside a remark that is there", manifest: route("v1"), analyses: 1},
		{name: "tried", manifest: rule("other", "other"), dry: true, analyses: 1},
		{name: "and made", manifest: rule("other", "other"), analyses: 1},
		{name: "which breaks another", manifest: rule("reviews", "reviews", "v2"), analyses: 1},
		{name: "of what another process has made", manifest: rule("third", "third"), fresh: true, analyses: 2},
		{name: "after that", manifest: rule("fourth", "fourth"), analyses: 1},
	}
	for _, s := range steps {
		if s.fresh {
			k.keep()
		}
		before, err := k.stored(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		running, err := instances(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		objects, err := config.Parse([]byte(s.manifest))
		if err != nil {
			t.Fatal(err)
		}
		want := twice(before.objects, Change{Put: objects}, config.NewWorld(running))
		analyses = 0
		got, err := k.Apply(t.Context(), []byte(s.manifest), "ada", s.dry)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %v %s", s.name, err, diff)
		}
		if analyses != s.analyses {
			t.Errorf("%s: analyzed %d times, want %d", s.name, analyses, s.analyses)
		}
	}
	analyses = 0
	if _, err := k.Delete(t.Context(), Ref{"DestinationRule", "default", "fourth"}, "ada"); err != nil || analyses != 1 {
		t.Errorf("a deletion is analyzed %d times: %v", analyses, err)
	}
}

// twice is what there is to say of a change, found by looking at what is there without it
// and with it.
func twice(before []config.Object, c Change, w config.World) []mesh.Finding {
	touched, known := map[string]bool{}, map[mesh.Finding]bool{}
	for _, o := range c.Put {
		touched[o.Key()] = true
	}
	for _, f := range analyze.Analyze(before, w) {
		known[f] = true
	}
	out := []mesh.Finding{}
	for _, f := range analyze.Analyze(after(before, c), w) {
		if touched[f.Resource] || !known[f] {
			out = append(out, f)
		}
	}
	return out
}
