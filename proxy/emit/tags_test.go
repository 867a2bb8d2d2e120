package emit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func spanRule(t *testing.T, r mesh.SpanRule) *SpanRule {
	t.Helper()
	out, err := CompileSpans(&r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTagsOfSpans(t *testing.T) {
	fields := func(name string) (string, bool) {
		v, ok := map[string]string{"x-user": "ada", "x-long": strings.Repeat("é", 100), "x-odd": "a\xffb", "x-empty": ""}[name]
		return v, ok
	}
	rule := spanRule(t, mesh.SpanRule{Tags: []mesh.SpanTag{
		{Name: "team", Literal: "shop"},
		{Name: "user", Header: "x-user", Default: "nobody"},
		{Name: "other", Header: "x-other", Default: "none"},
		{Name: "absent", Header: "x-other"},
		{Name: "empty", Header: "x-empty", Default: "x"},
		{Name: "long", Header: "x-long"},
		{Name: "odd", Header: "x-odd"},
	}})
	r := request()
	memory := rule.Apply(r, nil, fields)
	f := sent(t, testConfig(), r)
	got, plain := attrs(f.spans()[0].GetAttributes()), attrs(sent(t, testConfig(), request()).spans()[0].GetAttributes())
	for key := range plain {
		if !mesh.OwnSpanKey(key) {
			t.Errorf("%s may be named by a tag, and then be there twice", key)
		}
		delete(got, key)
	}
	if d := cmp.Diff(map[string]any{"team": "shop", "user": "ada", "other": "none", "long": strings.Repeat("é", 64), "odd": "a\uFFFDb"}, got); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
	if row := attrs(f.rows()[0].GetAttributes()); row["team"] != nil {
		t.Error("a row of the access log has the tag of a span")
	}
	next := request()
	if n := testing.AllocsPerRun(100, func() { memory = rule.Apply(next, memory, nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	next.Trace.Sampled, next.Tags = false, nil
	if rule.Apply(next, memory, fields); next.Tags != nil {
		t.Error("a span that is not told of has tags")
	}
}

func TestTagsHaveRoom(t *testing.T) {
	var all mesh.SpanRule
	for i := range mesh.MaxSpanTags {
		all.Tags = append(all.Tags, mesh.SpanTag{Name: strings.Repeat(string(rune('a'+i)), mesh.MaxSpanTagName), Header: "x"})
	}
	r := request()
	b := spanRule(t, all).Apply(r, nil, func(string) (string, bool) { return strings.Repeat("a\xff", mesh.MaxSpanTagValue), true })
	if len(b) > maxTags {
		t.Errorf("%d bytes, of which %d are kept", len(b), maxTags)
	}
	if got := attrs(sent(t, testConfig(), r).spans()[0].GetAttributes()); got[strings.Repeat("p", mesh.MaxSpanTagName)] == nil {
		t.Error("the last tag is not there")
	}
}

func TestSpansThatAreNotToldOf(t *testing.T) {
	r := request()
	r.Tries = []Try{{Instance: "a"}, {Instance: "b"}}
	spanRule(t, mesh.SpanRule{Off: true}).Apply(r, nil, nil)
	f := sent(t, testConfig(), r)
	if len(f.spans()) != 0 || len(f.rows()) != 1 {
		t.Errorf("%d spans and %d rows, want none and one", len(f.spans()), len(f.rows()))
	}
}

func TestTagsThatAreRefused(t *testing.T) {
	for _, name := range []string{"", "url.path", "sightline.x", strings.Repeat("a", mesh.MaxSpanTagName+1)} {
		if _, err := CompileSpans(&mesh.SpanRule{Tags: []mesh.SpanTag{{Name: name, Literal: "a"}}}); err == nil {
			t.Errorf("the name %q is taken", name)
		}
	}
	if _, err := CompileSpans(&mesh.SpanRule{Tags: make([]mesh.SpanTag, mesh.MaxSpanTags+1)}); err == nil {
		t.Error("any number of tags is taken")
	}
}
