package route

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestHedgeOfEachRoute(t *testing.T) {
	s := mesh.Snapshot{Service: "reviews", Known: true, Hedge: &mesh.Hedge{After: 1, GRPC: []string{"shop.Catalog/Get", "shop.Cart/List*", "a.B/*"}}}
	table, err := Compile([]mesh.Snapshot{s, {Service: "plain", Known: true}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := table.Match("reviews", &Request{Path: "/"})
	if err != nil || r.Hedge == nil || r.Hedge.After != 1 {
		t.Fatalf("%v, %+v", err, r)
	}
	for path, want := range map[string]bool{
		"/shop.Catalog/Get": true, "/shop.Catalog/GetAll": false, "/shop.Cart/ListItems": true, "/shop.Cart/Put": false,
		"/a.B/": true, "/a.B/C": true, "/a.Bee/C": false, "/": false, "": false,
	} {
		if r.Hedge.Allows(path) != want {
			t.Errorf("%q is allowed: %v, want %v", path, !want, want)
		}
	}
	if r, err := table.Match("plain", &Request{Path: "/"}); err != nil || r.Hedge != nil {
		t.Errorf("without a policy: %v, %+v", err, r.Hedge)
	}
	s.Hedge = &mesh.Hedge{Percentile: 95}
	if _, err := Compile([]mesh.Snapshot{s}); err == nil || !strings.Contains(err.Error(), "service reviews: hedge: percentile: 95") {
		t.Errorf("%v, want the fault named", err)
	}
}
