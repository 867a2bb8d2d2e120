package controlplane

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/push"
)

// TestPathNormalizationIsKeptAndPushed: to sidecars that run, from one start of the
// control plane to the next, whether that says it again or not.
func TestPathNormalizationIsKeptAndPushed(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	src := p.join(p.token(p.admin()), workload("web", "v1", "web-1"), "")
	pushed := make(chan mesh.Inbound, 100)
	sidecar := push.New(push.Config{
		ControlPlane: p.address, TLS: src.ClientTLS(src.ControlPlane(), "h2"), Build: "test", Logger: logger(t),
		Instance: mesh.Instance{Address: netip.MustParseAddrPort("127.0.0.1:15006"), State: mesh.Ready},
		Inbound:  func(in mesh.Inbound) error { pushed <- in; return nil },
	}, func([]mesh.Snapshot) error { return nil })
	sidecar.Subscribe("reviews")
	background(t, sidecar.Run)
	version := uint64(0)
	next := func(want mesh.PathNormalization) {
		t.Helper()
		select {
		case in := <-pushed:
			if in.PathNormalization != want {
				t.Errorf("pushed %q, want %q", in.PathNormalization, want)
			}
			version = in.Version
		case <-time.After(patience):
			t.Fatalf("no push of %q", want)
		}
	}
	next("")
	for _, tt := range []struct{ said, want mesh.PathNormalization }{
		{mesh.PathMergeSlashes, mesh.PathMergeSlashes},
		{"", mesh.PathMergeSlashes},
		{mesh.PathNone, mesh.PathNone},
	} {
		p.stop()
		p.cfg.PathNormalization = tt.said
		p.start(nil)
		before := version
		if next(tt.want); tt.said != "" && version <= before {
			t.Errorf("%s has version %d after %d", tt.want, version, before)
		}
	}
}
