package route

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// reviews is a service of three versions whose routes send one user to v2, what
// looks like a test to v3, and split the rest.
func reviews() mesh.Snapshot {
	return mesh.Snapshot{
		Service: "reviews",
		Version: 7,
		Known:   true,
		Subsets: []mesh.Subset{
			{Name: "v1", Labels: map[string]string{"version": "v1"}},
			{Name: "v2", Labels: map[string]string{"version": "v2"}},
			{Name: "v3", Labels: map[string]string{"version": "v3"}},
		},
		Routes: []mesh.Route{
			{
				Name: "jason",
				Matches: []mesh.Match{
					{Headers: map[string]*mesh.StringMatch{"end-user": {Exact: "jason"}}},
					{Headers: map[string]*mesh.StringMatch{"x-beta": nil}},
				},
				Destinations: []mesh.Destination{{Service: "reviews", Subset: "v2", Weight: 100}},
				Timeout:      2 * time.Second,
			},
			{
				Name: "test",
				Matches: []mesh.Match{{
					Path:   &mesh.StringMatch{Prefix: "/test/"},
					Method: &mesh.StringMatch{Regex: "GET|HEAD"},
				}},
				Destinations: []mesh.Destination{{Service: "reviews", Subset: "v3", Weight: 1}},
				Retry:        &mesh.Retry{Attempts: 0},
			},
			{
				Name:    "split",
				Matches: []mesh.Match{{Path: &mesh.StringMatch{Regex: "/reviews/[0-9]+"}}},
				Destinations: []mesh.Destination{
					{Service: "reviews", Subset: "v1", Weight: 80},
					{Service: "reviews", Subset: "v2", Weight: 20},
					{Service: "reviews", Subset: "v3", Weight: 0},
				},
			},
		},
	}
}

func request(method, path string, headers map[string]string) *Request {
	return &Request{Method: method, Path: path, Header: func(name string) (string, bool) {
		v, ok := headers[name]
		return v, ok
	}}
}

func TestMatch(t *testing.T) {
	table, err := Compile([]mesh.Snapshot{reviews()})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		request *Request
		want    string // name of the route, "" for ErrNoRoute
	}{
		{"header", request("GET", "/reviews/1", map[string]string{"end-user": "jason"}), "jason"},
		{"other value", request("GET", "/reviews/1", map[string]string{"end-user": "jasons"}), "split"},
		{"presence", request("GET", "/", map[string]string{"x-beta": ""}), "jason"},
		{"prefix and method", request("HEAD", "/test/1", nil), "test"},
		{"one of two parts", request("POST", "/test/1", nil), ""},
		{"regex anchors the method", request("GETS", "/test/1", nil), ""},
		{"regex", request("GET", "/reviews/12", nil), "split"},
		{"query is no part of the path", request("GET", "/reviews/12?x=/", nil), "split"},
		{"regex is anchored at its start", request("GET", "/v1/reviews/12", nil), ""},
		{"regex is anchored at its end", request("GET", "/reviews/12/x", nil), ""},
		{"none", request("GET", "/?token=abc", nil), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := table.Match("reviews", tt.request)
			switch {
			case err != nil && strings.Contains(err.Error(), "?"):
				t.Errorf("%v tells the query, which may hold secrets", err)
			case tt.want == "" && !errors.Is(err, ErrNoRoute):
				t.Errorf("route %+v, err %v; want ErrNoRoute", r, err)
			case tt.want != "" && (err != nil || r.Name != tt.want):
				t.Errorf("route %+v, err %v; want %s", r, err, tt.want)
			}
		})
	}
}

func TestCompiledRoute(t *testing.T) {
	table, err := Compile([]mesh.Snapshot{reviews()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := table.Match("reviews", request("GET", "/reviews/1", nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []Destination{{Service: "reviews", Subset: "v1", Weight: 80}, {Service: "reviews", Subset: "v2", Weight: 20}}
	if diff := cmp.Diff(want, r.Destinations()); diff != "" {
		t.Errorf("destinations (-want +got):\n%s", diff)
	}
	if r.ConfigVersion != 7 || r.Service != "reviews" || !r.Retry.Retries(retry.Outcome{End: retry.ConnectFailed}) {
		t.Errorf("route %+v", r)
	}
	r, _ = table.Match("reviews", request("GET", "/test/1", nil))
	if r.Retry.Retries(retry.Outcome{End: retry.ConnectFailed}) {
		t.Error("attempts 0 did not turn retries off")
	}
	r, _ = table.Match("reviews", request("GET", "/", map[string]string{"end-user": "jason"}))
	if r.Timeout != 2*time.Second {
		t.Errorf("timeout %v", r.Timeout)
	}
}

func TestServicesWithoutRoutes(t *testing.T) {
	table, err := Compile([]mesh.Snapshot{
		{Service: "plain", Known: true, Version: 3},
		{Service: "nobody"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := table.Match("plain", request("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Destination{{Service: "plain", Weight: 1}}, r.Destinations()); diff != "" {
		t.Errorf("destinations (-want +got):\n%s", diff)
	}
	for name, has := range map[mesh.ServiceName]bool{"nobody": true, "never-heard-of": false} {
		if _, err := table.Match(name, request("GET", "/", nil)); !errors.Is(err, ErrUnknownService) {
			t.Errorf("%s: err = %v, want ErrUnknownService", name, err)
		}
		if table.Has(name) != has || table.Known(name) {
			t.Errorf("%s: Has = %v, Known = %v", name, table.Has(name), table.Known(name))
		}
	}
}

func TestCompileRefusesAndNamesTheField(t *testing.T) {
	tests := []struct {
		name string
		edit func(*mesh.Snapshot)
		want []string
	}{
		{
			"unknown subset",
			func(s *mesh.Snapshot) { s.Routes[2].Destinations[1].Subset = "v9" },
			[]string{`service reviews: routes[2].destinations[1].subset: service reviews has no subset "v9"`},
		},
		{
			"weights",
			func(s *mesh.Snapshot) { s.Routes[0].Destinations[0].Weight = 0 },
			[]string{"service reviews: routes[0].destinations: the sum of the weights is 0"},
		},
		{
			"no destinations",
			func(s *mesh.Snapshot) { s.Routes[0].Destinations = nil },
			[]string{"routes[0].destinations: the sum of the weights is 0"},
		},
		{
			"service outside the set",
			func(s *mesh.Snapshot) { s.Routes[1].Destinations[0].Service = "ratings" },
			[]string{`routes[1].destinations[0].service: "ratings" is not in the set`},
		},
		{
			"regex",
			func(s *mesh.Snapshot) { s.Routes[2].Matches[0].Path.Regex = "(" },
			[]string{`routes[2].matches[0].path: regex "("`},
		},
		{
			"two ways to match",
			func(s *mesh.Snapshot) { s.Routes[1].Matches[0].Path.Exact = "/x" },
			[]string{"routes[1].matches[0].path: more than one of"},
		},
		{
			"header name",
			func(s *mesh.Snapshot) { s.Routes[0].Matches[0].Headers = map[string]*mesh.StringMatch{"End-User": nil} },
			[]string{`routes[0].matches[0].headers["End-User"]`},
		},
		{
			"retry word",
			func(s *mesh.Snapshot) { s.Routes[0].Retry = &mesh.Retry{Attempts: 1, On: []string{"luck"}} },
			[]string{`routes[0].retry.on[0]: "luck"`},
		},
		{
			"negative timeout",
			func(s *mesh.Snapshot) { s.Routes[0].Timeout = -1 },
			[]string{"routes[0].timeout: -1ns is negative"},
		},
		{
			"subset twice",
			func(s *mesh.Snapshot) { s.Subsets[2].Name = "v1" },
			[]string{`subsets[2].name: "v1"`},
		},
		{
			"all faults at once",
			func(s *mesh.Snapshot) {
				s.Routes[0].Timeout = -1
				s.Routes[2].Destinations[1].Subset = "v9"
			},
			[]string{"routes[0].timeout", `subset "v9"`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := reviews()
			tt.edit(&s)
			_, err := Compile([]mesh.Snapshot{s})
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v, want it to say %q", err, want)
				}
			}
		})
	}
	t.Run("service twice", func(t *testing.T) {
		if _, err := Compile([]mesh.Snapshot{reviews(), reviews()}); err == nil {
			t.Error("no error")
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	table, err := Compile([]mesh.Snapshot{reviews()})
	if err != nil {
		b.Fatal(err)
	}
	r := request("GET", "/reviews/12", nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := table.Match("reviews", r); err != nil {
			b.Fatal(err)
		}
	}
}
