package controlplane

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/tap"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// peersAgain is how often a tap looks for control planes it does not hear of yet.
const peersAgain = time.Second

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

// look is a tap as the admin API knows it, with what the other control planes' sidecars
// tell.
type look struct {
	*tap.Tap

	sidecars func(mesh.Tap) int
	elsewhere
}

// elsewhere is the same tap at the other control planes.
type elsewhere struct {
	end  context.CancelFunc // nil for a tap of this control plane's sidecars alone
	done sync.WaitGroup

	mu     sync.Mutex // guards what follows
	status map[string]mesh.TapStatus
	silent map[string]bool
}

// Status says whom the tap asks, and what it has missed.
func (l *look) Status() mesh.TapStatus {
	limited, dropped := l.Missed()
	s := mesh.TapStatus{Sidecars: l.sidecars(l.Asked()), Limited: limited, Dropped: dropped}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, other := range l.status {
		s.Sidecars += other.Sidecars
		s.Limited += other.Limited
		s.Dropped += other.Dropped
	}
	s.Silent = strings.Join(slices.Sorted(maps.Keys(l.silent)), ", ")
	return s
}

// Close ends the tap everywhere.
func (l *look) Close() {
	if l.end != nil {
		l.end()
		l.done.Wait()
	}
	l.Tap.Close()
}

// follow opens the tap at every other control plane there is and will be, until ctx ends.
func (l *look) follow(ctx context.Context, peers func(context.Context) (map[string]*admin.Client, error), by string) {
	tick := time.NewTicker(peersAgain)
	defer tick.Stop()
	var mu sync.Mutex
	following := map[string]bool{}
	for {
		all, err := peers(ctx)
		if err != nil && ctx.Err() == nil {
			l.note("the store", nil, fmt.Errorf("which control planes there are: %w", err))
		} else {
			l.note("the store", nil, nil)
		}
		for id, peer := range all {
			mu.Lock()
			known := following[id]
			following[id] = true
			mu.Unlock()
			if known {
				continue
			}
			l.done.Go(func() {
				err := peer.TapOwn(ctx, l.Asked(), by, func(line mesh.TapLine) error { l.take(id, line); return nil })
				l.note(id, nil, err)
				mu.Lock()
				defer mu.Unlock()
				delete(following, id)
			})
		}
		l.forget(all)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (l *look) take(id string, line mesh.TapLine) {
	if line.Request != nil {
		l.Put(*line.Request)
	}
	if line.Status != nil {
		l.note(id, line.Status, nil)
	}
}

// note keeps how the tap stands at another control plane.
func (l *look) note(id string, s *mesh.TapStatus, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.silent, id)
	if s != nil {
		l.status[id] = *s
	}
	if err != nil {
		l.silent[id] = true
		gone := l.status[id] // what it has missed it has missed
		gone.Sidecars = 0
		l.status[id] = gone
	}
}

// forget takes control planes that are gone for good off those that are missed.
func (l *look) forget(there map[string]*admin.Client) {
	if there == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.silent, func(id string, _ bool) bool { return there[id] == nil && id != "the store" })
}

// openLook opens a live look at requests, of this control plane's own sidecars or of all.
func (p *plane) openLook(asked mesh.Tap, by string, own bool) (admin.Look, error) { //nolint:revive // the API's own flag
	t, err := p.taps.Open(asked)
	if err != nil {
		return nil, err
	}
	l := &look{Tap: t, sidecars: p.hub.Asked, elsewhere: elsewhere{status: map[string]mesh.TapStatus{}, silent: map[string]bool{}}}
	if own {
		return l, nil
	}
	ctx, end := context.WithCancel(context.Background())
	l.end = end
	l.done.Go(func() { l.follow(ctx, p.replicas.peers, by) })
	return l, nil
}
