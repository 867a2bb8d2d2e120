package controlplane

import (
	"context"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/tap"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// Tapped takes what a sidecar tells of requests that somebody looks at.
func (s *service) Tapped(ctx context.Context, req *connect.Request[wire.TappedRequest]) (*connect.Response[wire.TappedResponse], error) {
	w, _, err := workloadOf(ctx)
	if err != nil {
		return nil, err
	}
	peer := w.Peer(s.authority.TrustDomain())
	s.taps.Told(mesh.Instance{ID: peer.Instance, Service: peer.Service, Version: peer.Version}, wire.ToTapBatch(req.Msg))
	return connect.NewResponse(&wire.TappedResponse{}), nil
}

// look is a tap as the admin API knows it.
type look struct {
	*tap.Tap
	sidecars func(mesh.Tap) int
}

// Status says whom the tap asks, and what it has missed.
func (l look) Status() mesh.TapStatus {
	limited, dropped := l.Missed()
	return mesh.TapStatus{Sidecars: l.sidecars(l.Asked()), Limited: limited, Dropped: dropped}
}
