package event

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

func newLog(t *testing.T) *Log {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return New(s, nil)
}

func add(t *testing.T, l *Log, e mesh.Event) {
	t.Helper()
	if err := l.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func summaries(t *testing.T, l *Log, q Query) []string {
	t.Helper()
	events, err := l.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range events {
		out = append(out, e.Summary)
	}
	return out
}

func TestEventsOfOneAppendKeepTheirOrder(t *testing.T) {
	l := newLog(t)
	if err := l.Append(t.Context(), mesh.Event{Summary: "a"}, mesh.Event{Summary: "b"}, mesh.Event{Summary: "c"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"c", "b", "a"}, summaries(t, l, Query{})); diff != "" {
		t.Error(diff)
	}
}

func TestList(t *testing.T) {
	l := newLog(t)
	for i := range 6 {
		e := mesh.Event{Kind: mesh.EventConfig, Target: mesh.Target{Service: "a"}, Summary: fmt.Sprintf("e%d", i)}
		if i%2 == 1 {
			e.Kind, e.Target.Service = mesh.EventTripped, "b"
		}
		add(t, l, e)
	}
	all, err := l.List(t.Context(), Query{})
	if err != nil || len(all) != 6 {
		t.Fatalf("got %v, %v, want six", all, err)
	}
	if all[0].Time.IsZero() || all[0].ID <= all[1].ID {
		t.Errorf("newest %+v, want a time and an id above that of %+v", all[0], all[1])
	}
	for name, c := range map[string]struct {
		q    Query
		want []string
	}{
		"newest":         {Query{Limit: 2}, []string{"e5", "e4"}},
		"page after":     {Query{Limit: 2, After: all[1].ID}, []string{"e3", "e2"}},
		"what is new":    {Query{Since: all[2].ID}, []string{"e5", "e4"}},
		"between":        {Query{After: all[0].ID, Since: all[3].ID}, []string{"e4", "e3"}},
		"of a kind":      {Query{Kind: mesh.EventTripped}, []string{"e5", "e3", "e1"}},
		"of a service":   {Query{Service: "a", Limit: 1}, []string{"e4"}},
		"of no service":  {Query{Service: "c"}, []string{}},
		"after the last": {Query{After: all[5].ID}, []string{}},
	} {
		if got := summaries(t, l, c.q); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestListReadsPastWhatDoesNotFit(t *testing.T) {
	l := newLog(t)
	add(t, l, mesh.Event{Kind: mesh.EventTripped, Summary: "long ago"})
	ops := make([]store.Op, 0, 100)
	for range (page + 50) / 50 {
		ops = ops[:0]
		for range 50 {
			ops = append(ops, l.Op(mesh.Event{Kind: mesh.EventInstance}))
		}
		if err := l.store.Commit(t.Context(), nil, ops...); err != nil {
			t.Fatal(err)
		}
	}
	if got := summaries(t, l, Query{Kind: mesh.EventTripped}); !slices.Equal(got, []string{"long ago"}) {
		t.Errorf("got %v, want the one from long ago", got)
	}
}

func TestIDsOfOneMomentDiffer(t *testing.T) {
	l := newLog(t)
	moment := time.Now()
	l.now = func() time.Time { return moment }
	for i := range 3 {
		add(t, l, mesh.Event{Summary: fmt.Sprintf("e%d", i)})
	}
	if got := summaries(t, l, Query{}); !slices.Equal(got, []string{"e2", "e1", "e0"}) {
		t.Errorf("got %v", got)
	}
}
