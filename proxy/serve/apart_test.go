package serve

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestEachTryIsRewrittenForItsDestination: what one destination rewrites does not stay for
// the next try at another, over both protocols.
func TestEachTryIsRewrittenForItsDestination(t *testing.T) {
	seen := make(chan string, 16)
	echo := app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Host + r.URL.RequestURI()
		w.WriteHeader(http.StatusServiceUnavailable)
	})}
	route := mesh.Route{
		Name: "r", Retry: &mesh.Retry{Attempts: 1, On: []string{"503"}, Backoff: time.Microsecond},
		Matches: []mesh.Match{{Path: &mesh.StringMatch{Elements: "/foo"}}},
		Destinations: []mesh.Destination{
			{Service: "reviews", Weight: 1, Rewrite: &mesh.Rewrite{Path: "/bar", Elements: true, Authority: "bar"}},
			{Service: "reviews", Weight: 1},
		},
	}
	m := newMesh(t, meshConfig{routes: []mesh.Route{route}, policy: mesh.Policy{Outlier: &mesh.Outlier{}}}, echo, echo)
	want := map[string]bool{"bar/bar/x?q": true, "reviews/foo/x?q": true}
	got := map[string]bool{}
	for _, client := range []*http.Client{m.client(t), m.client2(t)} {
		for range 8 {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://reviews/foo/x?q", nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, res.Body) //nolint:errcheck // what it says does not matter
			res.Body.Close()
			for range 2 {
				at := <-seen
				if got[at] = true; !want[at] {
					t.Errorf("a request went to %s", at)
				}
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("requests went to %v, want all of %v", got, want)
	}
}
