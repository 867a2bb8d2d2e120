package serve

import (
	"net/http"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/inflight"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// A copy that the other sidecar has no room for says of the instance what a request
// says: that it is at its limit, and well.
func TestCopiesThatAreTooMany(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(ok)})
	r, err := m.table.Match("reviews", &route.Request{})
	if err != nil {
		t.Fatal(err)
	}
	full := &InFlight{Bounds: inflight.Bounds{All: inflight.Fixed(0)}, Name: "f"}
	for _, guard := range []*Guard{nil, {InFlight: full}} {
		if guard != nil {
			m.sidecars[0].guard.Store(guard)
		}
		for name, l := range map[string]letter{"http/1.1": plainLetter, "h2": framedLetter} {
			lease, err := m.set.Pick(r, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			a, err := l.post(t.Context(), m.out.links.to(lease.Instance, func() *link { return m.out.open(lease.Instance) }))
			lease.Done(upstream.Outcome{Kind: upstream.Canceled, GRPCStatus: -1})
			status, kind := 200, upstream.Success
			if guard != nil {
				status, kind = 503, upstream.Overloaded
			}
			if got := kindOfCopy(a, err); err != nil || a.status != status || got != kind {
				t.Errorf("%s: %+v (%v) is %v, want %d and %v", name, a, err, got, status, kind)
			}
		}
	}
}
