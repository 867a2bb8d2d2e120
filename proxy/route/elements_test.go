package route

import (
	"errors"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func one(r mesh.Route) mesh.Snapshot {
	r.Name = "r"
	if r.Redirect == nil {
		r.Destinations = []mesh.Destination{{Service: "reviews", Weight: 1}}
	}
	return mesh.Snapshot{Service: "reviews", Known: true, Routes: []mesh.Route{r}}
}

// The pairs of the second table are those that Gateway API's specification gives.
func TestElements(t *testing.T) {
	for path, want := range map[string]bool{
		"/abc": true, "/abc/": true, "/abc/def": true, "/abcd": false, "/ab": false, "/": false, "/abc?x=/y": true, "/abcd?/abc": false,
	} {
		table, err := Compile([]mesh.Snapshot{one(mesh.Route{Matches: []mesh.Match{{Path: &mesh.StringMatch{Elements: "/abc"}}}})})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Match("reviews", request("GET", path, nil)); (err == nil) != want {
			t.Errorf("%s: %v, want a fit: %v", path, err, want)
		}
	}
	tests := []struct{ path, elements, by, want string }{
		{"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
		{"/foo", "/foo", "/xyz", "/xyz"},
		{"/foo/", "/foo", "/xyz", "/xyz/"},
		{"/foo/bar", "/foo", "/", "/bar"},
		{"/foo/", "/foo", "/", "/"},
		{"/foo", "/foo", "/", "/"},
		{"/foo?a=/foo", "/foo", "/", "/?a=/foo"},
		{"/foo/bar", "", "/xyz", "/xyz/foo/bar"},
		{"/", "", "/xyz", "/xyz/"},
		{"*", "", "/xyz", "*"},
	}
	for _, tt := range tests {
		m := []mesh.Match{{}}
		if tt.elements != "" {
			m[0].Path = &mesh.StringMatch{Elements: tt.elements}
		}
		snaps := []mesh.Snapshot{
			one(mesh.Route{Matches: m, Rewrite: &mesh.Rewrite{Path: tt.by, Elements: true}}),
			one(mesh.Route{Matches: m, Redirect: &mesh.Redirect{Code: 302, Prefix: tt.by, Elements: true, Authority: "a"}}),
		}
		var got []string
		for i, s := range snaps {
			table, err := Compile([]mesh.Snapshot{s})
			if err != nil {
				t.Fatal(err)
			}
			q := request("GET", tt.path, nil)
			r, err := table.Match("reviews", q)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				got = append(got, r.Rules.Path(q))
			} else {
				got = append(got, r.Rules.Redirect.Location(q))
			}
		}
		if got[0] != tt.want || got[1] != "http://a"+tt.want {
			t.Errorf("%s with %q by %q: %q, want %q", tt.path, tt.elements, tt.by, got, tt.want)
		}
	}
}

func TestWholePathIsReplaced(t *testing.T) {
	table, err := Compile([]mesh.Snapshot{one(mesh.Route{
		Matches: []mesh.Match{{Path: &mesh.StringMatch{Elements: "/foo"}}}, Rewrite: &mesh.Rewrite{Path: "/all", Whole: true},
	})})
	if err != nil {
		t.Fatal(err)
	}
	q := request("GET", "/foo/bar?q", nil)
	r, err := table.Match("reviews", q)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Rules.Path(q); got != "/all?q" {
		t.Errorf("got %q", got)
	}
}

// TestDestinationsRewriteApart: a part that a destination rewrites is in place of the
// route's, which holds for the others.
func TestDestinationsRewriteApart(t *testing.T) {
	s := one(mesh.Route{
		Matches: []mesh.Match{{Path: &mesh.StringMatch{Elements: "/foo"}}}, Rewrite: &mesh.Rewrite{Path: "/all", Whole: true, Authority: "a"},
	})
	s.Routes[0].Destinations = []mesh.Destination{
		{Service: "reviews", Weight: 1},
		{Service: "reviews", Weight: 0, Rewrite: &mesh.Rewrite{Path: "/never"}},
		{Service: "reviews", Weight: 1, Rewrite: &mesh.Rewrite{Path: "/bar", Elements: true}},
		{Service: "reviews", Weight: 1, Rewrite: &mesh.Rewrite{Authority: "b"}},
	}
	table, err := Compile([]mesh.Snapshot{s})
	if err != nil {
		t.Fatal(err)
	}
	q := request("GET", "/foo/x?q", nil)
	r, err := table.Match("reviews", q)
	if err != nil {
		t.Fatal(err)
	}
	if r.Rules.Path(q) != "" || !r.Rules.Apart {
		t.Error("the path is settled before the destination is")
	}
	for n, want := range [][2]string{{"/all?q", "a"}, {"/bar/x?q", "a"}, {"/all?q", "b"}} {
		e := r.Rules.Edits(n)
		if got := [2]string{e.Path(q), e.Authority}; got != want {
			t.Errorf("destination %d gets %q, want %q", n, got, want)
		}
	}
}

func TestElementsThatArePathsOfNone(t *testing.T) {
	for _, bad := range []mesh.StringMatch{{Elements: "abc"}, {Elements: "/abc/"}, {Elements: "/"}, {Elements: "/a", Exact: "/a"}} {
		if _, err := Compile([]mesh.Snapshot{one(mesh.Route{Matches: []mesh.Match{{Path: &bad}}})}); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestLastEndsTheListOfItsCallers: whom a consumer's routes are about gets those alone.
func TestLastEndsTheListOfItsCallers(t *testing.T) {
	to := []mesh.Destination{{Service: "reviews", Weight: 1}}
	from := []mesh.Match{{SourceNamespace: "shop"}}
	s := mesh.Snapshot{Service: "reviews", Known: true, Routes: []mesh.Route{
		{Name: "own", Matches: []mesh.Match{{SourceNamespace: "shop", Path: &mesh.StringMatch{Exact: "/a"}}}, Destinations: to},
		{Name: "end", Matches: from, Destinations: []mesh.Destination{{Service: "reviews", Weight: 1}}, Last: true},
		{Name: "all", Destinations: to},
	}}
	// What ends the list may also be the one with the last match.
	s.Routes[1].Matches = []mesh.Match{{SourceNamespace: "shop", Path: &mesh.StringMatch{Exact: "/b"}}}
	for namespace, want := range map[string][3]string{"shop": {"own", "end", ""}, "other": {"all", "all", "all"}} {
		table, err := Caller{Namespace: namespace}.Compile([]mesh.Snapshot{s})
		if err != nil {
			t.Fatal(err)
		}
		for i, path := range []string{"/a", "/b", "/c"} {
			r, err := table.Match("reviews", request("GET", path, nil))
			switch {
			case want[i] == "" && !errors.Is(err, ErrNoRoute):
				t.Errorf("%s %s: %v, %v; want no route", namespace, path, r, err)
			case want[i] != "" && (err != nil || r.Name != want[i]):
				t.Errorf("%s %s: %+v, %v; want %s", namespace, path, r, err, want[i])
			}
		}
	}
}

// TestAbsentFailsWhileUnknown: the share of a service is answered in its stead only for
// as long as nobody has heard of it.
func TestAbsentFailsWhileUnknown(t *testing.T) {
	for known, want := range map[bool]int{true: 0, false: 500} {
		s := mesh.Snapshot{Service: "reviews", Known: true, Routes: []mesh.Route{{
			Name: "r", Destinations: []mesh.Destination{{Service: "other", Weight: 1, Absent: 500}},
		}}}
		table, err := Compile([]mesh.Snapshot{s, {Service: "other", Known: known}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := table.Match("reviews", request("GET", "/", nil))
		if err != nil || r.Destinations()[0].Fail != want {
			t.Errorf("known %v: %+v, %v; want %d", known, r, err, want)
		}
	}
}
