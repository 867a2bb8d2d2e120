package route

import (
	"errors"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestStreamRoutes(t *testing.T) {
	to := func(subset string) []mesh.Destination {
		return []mesh.Destination{{Service: "db", Subset: subset, Weight: 1}}
	}
	tls := mesh.StreamRoute{Name: "tls", Destinations: to("v1"), Matches: []mesh.StreamMatch{
		{TLS: true, SNI: []string{"a.shop", "*.b.shop"}}, {TLS: true, SNI: []string{"c.shop"}, Port: 9443},
	}}
	port := mesh.StreamRoute{Name: "port", Destinations: to("v2"), Matches: []mesh.StreamMatch{{Port: 5432}}}
	mine := mesh.StreamRoute{Name: "mine", Destinations: to("v2"), Matches: []mesh.StreamMatch{
		{SourceLabels: map[string]string{"app": "cart"}, SourceNamespace: "shop"},
	}}
	others := mesh.StreamRoute{Name: "others", Destinations: to("v1"), Matches: []mesh.StreamMatch{{SourceLabels: map[string]string{"app": "web"}}}}
	rest := mesh.StreamRoute{Name: "rest", Destinations: to("v1")}
	for _, tt := range []struct {
		routes []mesh.StreamRoute
		ask    Stream
		want   string // "" is ErrNoRoute
	}{
		{nil, Stream{}, "default"},
		{[]mesh.StreamRoute{tls}, Stream{TLS: true, SNI: "A.shop"}, "tls"},
		{[]mesh.StreamRoute{tls}, Stream{TLS: true, SNI: "x.b.shop"}, "tls"},
		{[]mesh.StreamRoute{tls}, Stream{TLS: true, SNI: "b.shop"}, ""},
		{[]mesh.StreamRoute{tls}, Stream{TLS: true, SNI: "c.shop"}, ""},
		{[]mesh.StreamRoute{tls}, Stream{TLS: true, SNI: "c.shop", Port: 9443}, "tls"},
		{[]mesh.StreamRoute{tls}, Stream{Port: 5432}, "default"}, // not TLS: no route is about it
		{[]mesh.StreamRoute{tls, port}, Stream{Port: 5432}, "port"},
		{[]mesh.StreamRoute{tls, port}, Stream{Port: 5433}, ""},
		{[]mesh.StreamRoute{tls, port}, Stream{TLS: true, SNI: "z.shop", Port: 5432}, "port"},
		{[]mesh.StreamRoute{others, mine, rest}, Stream{}, "mine"},
		{[]mesh.StreamRoute{others, rest}, Stream{}, "rest"},
		{[]mesh.StreamRoute{others}, Stream{}, "default"},
	} {
		caller := Caller{Namespace: "shop", Labels: map[string]string{"app": "cart"}}
		table, err := caller.Compile([]mesh.Snapshot{{
			Service: "db", Known: true, Streams: tt.routes, Subsets: []mesh.Subset{{Name: "v1"}, {Name: "v2"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := table.Stream("db", tt.ask)
		switch {
		case tt.want == "" && !errors.Is(err, ErrNoRoute):
			t.Errorf("%+v: route %+v, err %v; want ErrNoRoute", tt.ask, r, err)
		case tt.want != "" && (err != nil || r.Name != tt.want || r.Retry.Attempts == 0):
			t.Errorf("%+v: route %+v, err %v; want %s", tt.ask, r, err, tt.want)
		}
	}
}
