package proxy

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/route"
)

func known(s mesh.ServiceName) mesh.Snapshot {
	return mesh.Snapshot{Service: s, Version: 1, Known: true}
}

func TestFirstRequestWaitsForItsRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := newTables(route.Caller{}, func([]mesh.Snapshot) {})
		asked := make(chan mesh.ServiceName, 1)
		tb.subscribe = func(s ...mesh.ServiceName) { asked <- s[0] }
		go func() {
			s := <-asked
			time.Sleep(time.Second)
			if err := tb.apply([]mesh.Snapshot{known("other")}); err != nil {
				t.Error(err)
			}
			time.Sleep(500 * time.Millisecond)
			if err := tb.apply([]mesh.Snapshot{known("other"), known(s)}); err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		got, err := tb.resolve(t.Context(), "cart")
		if err != nil || !got.Has("cart") {
			t.Fatalf("resolve = %v, %v; want a table with cart", got, err)
		}
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Errorf("waited %s, want 1.5 s", took)
		}
	})
}

func TestWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := newTables(route.Caller{}, func([]mesh.Snapshot) {})
		tb.subscribe = func(...mesh.ServiceName) {}
		began := time.Now()
		got, err := tb.resolve(t.Context(), "cart")
		if err != nil || got.Has("cart") || time.Since(began) != resolveWithin {
			t.Errorf("resolve = %v after %s, want the table as it is after %s", err, time.Since(began), resolveWithin)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := tb.resolve(ctx, "cart"); err == nil {
			t.Error("a client that went away still gets a table")
		}
	})
}

func TestRefusedSetChangesNothing(t *testing.T) {
	updates := 0
	tb := newTables(route.Caller{}, func([]mesh.Snapshot) { updates++ })
	if err := tb.apply([]mesh.Snapshot{known("cart")}); err != nil {
		t.Fatal(err)
	}
	before := tb.current.Load()
	bad := known("cart")
	bad.Routes = []mesh.Route{{Name: "r", Destinations: []mesh.Destination{{Service: "nowhere", Weight: 1}}}}
	err := tb.apply([]mesh.Snapshot{bad})
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("apply = %v, want a refusal that names nowhere", err)
	}
	if tb.current.Load() != before || updates != 1 {
		t.Error("a refused set changed something")
	}
}

func TestServicesAskedForAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := newTables(route.Caller{}, func([]mesh.Snapshot) {})
		asked := 0
		tb.subscribe = func(...mesh.ServiceName) { asked++ }
		for i := range maxAsked {
			tb.asked[mesh.ServiceName(strconv.Itoa(i))] = true
		}
		began := time.Now()
		if got, err := tb.resolve(t.Context(), "one-more"); err != nil || got.Has("one-more") {
			t.Errorf("resolve = %v, %v", got, err)
		}
		if asked > 0 || time.Since(began) > 0 {
			t.Errorf("asked %d times, waited %s; want neither", asked, time.Since(began))
		}
	})
}
