package serve

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestDestinationThatDoesNotExist: its share gets what the route says, exactly, and the
// others get no more than theirs.
func TestDestinationThatDoesNotExist(t *testing.T) {
	m := newMesh(t, meshConfig{routes: []mesh.Route{{Name: "split", Destinations: []mesh.Destination{
		{Service: "reviews", Weight: 3}, {Service: "reviews", Weight: 1, Fail: 500},
	}}}}, to(t, "one"))
	c := m.client(t)
	failed := 0
	const requests = 100
	for range requests {
		res, _ := do(t, c, request(t, "GET", "/", nil))
		switch {
		case res.Status == 500:
			failed++
			wantFault(t, res, 500, "NC", "does not exist: reviews")
		case res.Status != 200:
			t.Fatalf("%d %s", res.Status, res.Header.Get("X-Sightline-Reason"))
		}
	}
	if failed < requests/4-2 || failed > requests/4+2 {
		t.Errorf("%d of %d failed, want a quarter", failed, requests)
	}
}

func TestOnlyDestinationThatDoesNotExist(t *testing.T) {
	m := newMesh(t, meshConfig{routes: []mesh.Route{{Name: "none", Destinations: []mesh.Destination{{Service: "reviews", Weight: 1, Fail: 500}}}}}, to(t, "one"))
	for range 3 {
		res, _ := do(t, m.client(t), request(t, "GET", "/", nil))
		wantFault(t, res, 500, "NC", "does not exist")
	}
	grpc := request(t, "POST", "/shop.Cart/Get", strings.NewReader(""))
	grpc.Header.Set("Content-Type", "application/grpc")
	if res, _ := do(t, m.client2(t), grpc); res.Header.Get("Grpc-Status") != "14" {
		t.Errorf("gRPC gets %d, %v; want UNAVAILABLE", res.Status, res.Header)
	}
}
