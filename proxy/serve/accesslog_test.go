package serve

import (
	"net/http"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/accesslog"
)

func logRule(t *testing.T, a mesh.AccessLog) *accesslog.Rule {
	t.Helper()
	r, err := accesslog.Compile(&a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRulesOfTheAccessLog: each direction has its own, over both protocols; failures are
// written in any case, unless the rule says otherwise.
func TestRulesOfTheAccessLog(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fail" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})})
	side := m.sidecars[0]
	user := mesh.LogTest{Op: mesh.LogEqual, Attribute: "request.headers[x-user]", Text: "ada"}
	h2 := mesh.LogTest{Op: mesh.LogEqual, Attribute: "request.protocol", Text: "HTTP/2"}
	n := 0
	for _, client := range []*http.Client{m.client(t), m.client2(t)} {
		for _, tt := range []struct {
			out, in       mesh.AccessLog
			path, user    string
			outRow, inRow bool
		}{
			{path: "/", outRow: true, inRow: true},
			{out: mesh.AccessLog{Off: true}, path: "/", inRow: true},
			{out: mesh.AccessLog{Off: true}, in: mesh.AccessLog{Off: true, DropErrors: true}, path: "/fail", outRow: true},
			{out: mesh.AccessLog{Only: &user}, in: mesh.AccessLog{Only: &user}, path: "/", user: "ada", outRow: true, inRow: true},
			{out: mesh.AccessLog{Only: &user}, in: mesh.AccessLog{Only: &user}, path: "/", user: "bob"},
			{out: mesh.AccessLog{Only: &user}, in: mesh.AccessLog{Only: &user}, path: "/"},
			{out: mesh.AccessLog{Only: &h2}, path: "/", outRow: n > 0, inRow: true},
		} {
			m.logs.Store(logRule(t, tt.out))
			side.logs.Store(logRule(t, tt.in))
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://reviews"+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.user != "" {
				r.Header.Set("X-User", tt.user)
			}
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if out, in := m.records.await(t, n), side.records.await(t, n); out.Unlogged == tt.outRow || in.Unlogged == tt.inRow {
				t.Errorf("%+v over %s: rows left out: %v and %v", tt, out.Protocol, out.Unlogged, in.Unlogged)
			}
			n++
		}
	}
}
