package route

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// FuzzMatch: whatever a request looks like, it is matched without harm, and rewritten to
// something that can stand in a request line.
func FuzzMatch(f *testing.F) {
	f.Add("GET", "/reviews/1?user=ada&x=%20", "reviews:9080", "end-user", "jason")
	f.Add("OPTIONS", "*", "reviews", "origin", "https://shop.example")
	f.Add("GET", "/v1/%2e%2e/a?b", "REVIEWS.default", "cookie", "session=abc; user=jason")
	f.Add("CONNECT", "", "[fd00::1]:80", "", "")
	f.Add("GET", "/?", "", "x-forwarded-proto", "https")
	exact := func(s string) *mesh.StringMatch { return &mesh.StringMatch{Exact: s} }
	to := []mesh.Destination{{Service: "reviews", Weight: 1}}
	table, err := Compile([]mesh.Snapshot{{Service: "reviews", Known: true, Routes: []mesh.Route{
		{Name: "query", Matches: []mesh.Match{{Query: map[string]*mesh.StringMatch{"user": exact("ada")}}}, Destinations: to},
		{Name: "header", Matches: []mesh.Match{{Headers: map[string]*mesh.StringMatch{"end-user": {Regex: "j.*n"}}}}, Destinations: to},
		{
			Name: "prefix", Matches: []mesh.Match{{Path: &mesh.StringMatch{Prefix: "/v1"}}},
			Rewrite: &mesh.Rewrite{Path: "/v2"}, Destinations: to,
		},
		{Name: "redirect", Matches: []mesh.Match{{Path: &mesh.StringMatch{Prefix: "/old"}}}, Redirect: &mesh.Redirect{Code: 301, Path: "/new"}},
		{Name: "authority", Matches: []mesh.Match{{Authority: &mesh.StringMatch{Prefix: "reviews:"}}}, Destinations: to},
		{Name: "rest", Destinations: to},
	}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, authority, name, value string) {
		q := &Request{Method: method, Path: path, Authority: authority, Header: func(n string) (string, bool) { return value, n == name }}
		r, err := table.Match("reviews", q)
		if err != nil {
			t.Fatalf("the last route takes everything: %v", err)
		}
		if _, query, _ := strings.Cut(path, "?"); r.Name == "query" && !strings.Contains(query, "user") && !strings.Contains(query, "%") {
			t.Errorf("%q has no parameter user", path)
		}
		if r.Rules == nil {
			return
		}
		if _, was, _ := strings.Cut(path, "?"); r.Rules.Redirect == nil {
			if _, is, _ := strings.Cut(r.Rules.Path(q), "?"); is != was {
				t.Errorf("%q is rewritten to %q: the query has changed", path, r.Rules.Path(q))
			}
			return
		}
		if location := r.Rules.Redirect.Location(q); !strings.Contains(path, "%") && !strings.Contains(location, "elsewhere") {
			if _, err := url.Parse(location); err != nil {
				t.Errorf("%q is redirected to %q: %v", path, location, err)
			}
		}
	})
}
