package serve

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
)

// TestTagsOfSpans: each direction has its own, over both protocols.
func TestTagsOfSpans(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
	side := m.sidecars[0]
	rule := func(r mesh.SpanRule) *emit.SpanRule {
		out, err := emit.CompileSpans(&r)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	m.spans.Store(rule(mesh.SpanRule{Tags: []mesh.SpanTag{{Name: "team", Literal: "shop"}, {Name: "user", Header: "x-user", Default: "nobody"}}}))
	side.spans.Store(rule(mesh.SpanRule{Off: true}))
	for n, client := range []*http.Client{m.client(t), m.client2(t)} {
		for i, user := range []string{"ada", ""} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://reviews/", nil)
			if err != nil {
				t.Fatal(err)
			}
			want := "nobody"
			if user != "" {
				r.Header.Set("X-User", user)
				want = user
			}
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			out, in := m.records.await(t, 2*n+i), side.records.await(t, 2*n+i)
			if out.Untold || !bytes.Contains(out.Tags, []byte("shop")) || !bytes.Contains(out.Tags, []byte(want)) {
				t.Errorf("%s: the caller's span has %q, want team shop and user %s", out.Protocol, out.Tags, want)
			}
			if !in.Untold || len(in.Tags) > 0 {
				t.Errorf("%s: the callee's span is told of", in.Protocol)
			}
		}
	}
}
