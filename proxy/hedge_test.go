package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Requests that hang at one instance are answered by the other, and the sidecar tells
// of it. Without the policy the first of them would hang for good.
func TestHedgePastAnInstanceThatHangs(t *testing.T) {
	m := newMesh(t)
	all, snap := m.reviews("v1", "v2")
	snap.Hedge = &mesh.Hedge{After: 5 * time.Millisecond}
	m.apply(snap)
	hangs, answers := all[0].app, all[1].app
	close(answers.hold)
	for _, a := range []*app{hangs, answers} {
		done := make(chan struct{})
		t.Cleanup(func() { close(done) })
		go func() {
			for {
				select {
				case <-a.held:
				case <-done:
					return
				}
			}
		}()
	}
	defer close(hangs.hold)
	for range 20 {
		if status, body, _ := m.get("http://reviews/hold"); status != http.StatusOK || body != "v2" {
			t.Fatalf("%d %q, want the answer of v2", status, body)
		}
	}
	if hangs.served.Load() == 0 {
		t.Fatal("v1 was never asked")
	}
	_, page := m.getAdmin(m.web, "/metrics")
	if strings.Contains(page, `sightline_hedges_total{outcome="won"} 0`) || !strings.Contains(page, `sightline_hedges_total{outcome="won"}`) {
		t.Errorf("no hedge is told of:\n%s", page)
	}
	if _, page := m.getAdmin(m.web, "/breakers"); strings.Contains(page, `"tripped"`) {
		t.Errorf("a loser is taken for a failure:\n%s", page)
	}
}
