package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// What a push says of an adaptive limit is what the sidecar keeps to and tells of.
func TestAdaptiveLimitOfAnApp(t *testing.T) {
	m := newMesh(t)
	all, snap := m.reviews("v1")
	m.apply(snap)
	callee := all[0]
	if _, page := m.getAdmin(callee, "/metrics"); strings.Contains(page, "sightline_adaptive_limit") {
		t.Errorf("an adaptive limit where there is none:\n%s", page)
	}
	if err := callee.parts.guards.apply(mesh.Inbound{InFlight: []mesh.InFlight{{Name: "default/f", Adaptive: &mesh.Adaptive{
		Percentile: 0.5, MaxRequests: 100, Interval: 1, MinRTT: mesh.MinRTT{Interval: 1 << 50, Requests: 20, Concurrency: 1, Jitter: 0.1, Buffer: 0.25},
	}}}}); err != nil {
		t.Fatal(err)
	}
	held := make(chan struct{})
	go func() { defer close(held); m.get("http://reviews/hold") }()
	<-callee.app.held
	status, _, header := m.get("http://reviews/")
	if want := "app is overloaded: adaptive limit of 1 requests in flight reached: default/f"; status != http.StatusServiceUnavailable || header.Get("X-Sightline-Reason") != want || header.Get("X-Sightline-Flags") != "UO" {
		t.Errorf("beyond the limit: %d, %v", status, header)
	}
	_, page := m.getAdmin(callee, "/metrics")
	for _, want := range []string{
		"sightline_adaptive_limit 1\n", "sightline_adaptive_in_flight 1\n", "sightline_adaptive_refused_total 1\n",
		"sightline_adaptive_measuring 1\n", "sightline_adaptive_min_rtt_seconds 0\n", "sightline_adaptive_gradient 1\n", "sightline_callers 1\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	close(callee.app.hold)
	<-held
	m.eventually("the request is over", func() bool { return callee.parts.inbound.Load().Working == 0 })
	m.eventually("the limit grows", func() bool {
		if got := m.spread(10); got["200 v1"] != 10 {
			t.Fatalf("one after the other: %v", got)
		}
		l := callee.parts.inbound.Load()
		return !l.Control.Measuring && l.Control.MinRTT > 0 && l.Control.Limit > 1
	})
}
