package proxy

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/normalize"
)

// The mesh's names are those that the sidecar's flag has, and what is pushed holds where
// there is no flag.
func TestPathsOfTheMeshAndOfTheSidecar(t *testing.T) {
	g := newGuards(testDomain, slog.New(slog.DiscardHandler))
	for _, p := range []mesh.PathNormalization{mesh.PathDecodeAndMergeSlashes, mesh.PathMergeSlashes, mesh.PathBase, mesh.PathNone, ""} {
		if _, err := mesh.ParsePathNormalization(string(p)); err != nil {
			t.Error(err)
		}
		if err := g.apply(mesh.Inbound{PathNormalization: p}); err != nil {
			t.Fatal(err)
		}
		want := p
		if p == "" {
			want = mesh.PathBase
		}
		for flag, want := range map[string]mesh.PathNormalization{"": want, "BASE": mesh.PathBase, "MERGE_SLASHES": mesh.PathMergeSlashes} {
			in := Config{Paths: flag}.intake(&g.paths)
			if got := in.PathMode().String(); got != string(want) {
				t.Errorf("flag %q, pushed %q: %s, want %s", flag, p, got, want)
			}
		}
	}
	if err := g.apply(mesh.Inbound{PathNormalization: "MOST"}); err == nil || !strings.Contains(err.Error(), `"MOST" is not a path normalization`) {
		t.Errorf("err = %v", err)
	}
	if g.paths.Mode() != normalize.Base {
		t.Error("what was refused holds")
	}
}

func TestPathsChangeWithAPush(t *testing.T) {
	m := newMesh(t)
	_, snap := m.reviews("v1")
	snap.Routes = append([]mesh.Route{{
		Name: "admin", Matches: []mesh.Match{{Path: &mesh.StringMatch{Prefix: "/admin"}}}, Respond: &mesh.DirectResponse{Status: 403},
	}}, snap.Routes...)
	m.apply(snap)
	for _, tt := range []struct {
		pushed mesh.PathNormalization
		status int // of "//admin"
		page   string
	}{
		{"", 200, `"pathNormalization": "BASE"`},
		{mesh.PathMergeSlashes, 403, `"pathNormalization": "MERGE_SLASHES"`},
		{mesh.PathNone, 200, `"pathNormalization": "NONE"`},
	} {
		if err := m.web.parts.guards.apply(mesh.Inbound{PathNormalization: tt.pushed}); err != nil {
			t.Fatal(err)
		}
		if status, body, _ := m.get("http://reviews//admin"); status != tt.status {
			t.Errorf("%q: %d %q, want %d", tt.pushed, status, body, tt.status)
		}
		if _, page := m.getAdmin(m.web, "/config"); !strings.Contains(page, "\n  "+tt.page) {
			t.Errorf("%q: no %s in\n%s", tt.pushed, tt.page, page)
		}
	}
}
