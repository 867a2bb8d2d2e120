package hub

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// unanswered is how many pushes are remembered for an answer. A sidecar answers
// each before it reads the next; one that does not must not cost memory.
const unanswered = 64

// ErrReplaced ends a feed whose sidecar has made a newer one.
var ErrReplaced = errors.New("the sidecar has another stream by now")

// Push is what one sidecar is sent next.
type Push struct {
	Sequence  uint64 // counts the pushes of this feed, from 1
	Version   uint64 // of the state it was made from
	Services  []mesh.ServiceName
	Snapshots []mesh.Snapshot // of those services that changed since the push before
	Inbound   *mesh.Inbound   // what the sidecar enforces, if that changed
	Taps      []mesh.Tap      // what it is asked to tell of
	TapsNews  bool            // Taps has changed
	Built     time.Time       // the state
}

// Joining says who joins.
type Joining struct {
	Instance mesh.Instance
	Build    string
	Expires  time.Time // of its certificate
}

// Feed is one stream's end in the hub. Next belongs to one goroutine; the other
// methods may be called from any and never block.
type Feed struct {
	// Set by Join and never changed.
	h     *Hub
	since time.Time
	wake  chan struct{} // capacity 1
	gone  chan struct{} // closed when a newer feed took over

	// Owned by Next.
	sent    map[mesh.ServiceName]uint64 // version by service
	policed uint64                      // version of the policies that inbound is of
	inbound mesh.Inbound                // sent last
	taps    []mesh.Tap                  // sent last

	mu       sync.Mutex // guards what follows
	joining  Joining
	want     []mesh.ServiceName
	asked    bool
	pushes   []pushed // not answered, in the order sent
	sequence uint64
	version  uint64 // of the newest push
	accepted uint64
	refusal  string
}

type pushed struct{ sequence, version uint64 }

// Join adds a sidecar's feed, in place of an older one of the same instance.
func (h *Hub) Join(j Joining) *Feed {
	f := &Feed{
		h:       h,
		since:   time.Now(),
		wake:    make(chan struct{}, 1),
		gone:    make(chan struct{}),
		sent:    map[mesh.ServiceName]uint64{},
		joining: j,
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if old, ok := h.feeds[j.Instance.ID]; ok {
		close(old.gone)
	}
	h.feeds[j.Instance.ID] = f
	return f
}

// Leave takes the feed out, unless a newer one took its place.
func (f *Feed) Leave() {
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	if f.h.feeds[f.joining.Instance.ID] == f {
		delete(f.h.feeds, f.joining.Instance.ID)
	}
}

// Want replaces the services that the sidecar wants to know.
func (f *Feed) Want(services []mesh.ServiceName) {
	f.mu.Lock()
	f.want, f.asked = slices.Clone(services), true
	f.mu.Unlock()
	signal(f.wake)
}

// Answer records what the sidecar made of a push, by its sequence number.
func (f *Feed) Answer(sequence uint64, accepted bool, reason string) { //nolint:revive // accepted is the message's own field
	f.mu.Lock()
	i := slices.IndexFunc(f.pushes, func(p pushed) bool { return p.sequence == sequence })
	if i < 0 {
		f.mu.Unlock()
		return
	}
	version := f.pushes[i].version
	f.pushes = f.pushes[i+1:]
	f.refusal = ""
	if accepted {
		f.accepted = version
	} else {
		f.refusal = reason
	}
	instance := f.joining.Instance
	f.mu.Unlock()
	if !accepted && f.h.deps.Refused != nil {
		f.h.deps.Refused(instance, version, reason)
	}
}

// Next waits for something the sidecar has not been sent. The first push after
// Want comes in any case. It ends with ctx, or with ErrReplaced.
func (f *Feed) Next(ctx context.Context) (Push, error) {
	for {
		if p, ok := f.take(); ok {
			return p, nil
		}
		select {
		case <-f.wake:
		case <-f.gone:
			return Push{}, ErrReplaced
		case <-ctx.Done():
			return Push{}, ctx.Err()
		}
	}
}

func (f *Feed) take() (Push, bool) {
	state := f.h.state.Load()
	f.mu.Lock()
	defer f.mu.Unlock()
	if state == nil || !f.asked {
		return Push{}, false
	}
	p := Push{Version: state.Version, Built: state.Built}
	versions := map[mesh.ServiceName]uint64{}
	for _, s := range compile.Closure(state.Snapshots, f.want) {
		p.Services = append(p.Services, s.Service)
		versions[s.Service] = s.Version
		if v, ok := f.sent[s.Service]; !ok || v != s.Version {
			p.Snapshots = append(p.Snapshots, s)
		}
	}
	p.Inbound = f.changedInbound(state)
	p.Taps, p.TapsNews = f.changedTaps()
	if f.sequence > 0 && len(p.Snapshots) == 0 && p.Inbound == nil && !p.TapsNews && len(versions) == len(f.sent) {
		return Push{}, false
	}
	f.sent = versions
	f.sequence++
	f.version = p.Version
	p.Sequence = f.sequence
	f.pushes = append(f.pushes, pushed{p.Sequence, p.Version})
	f.pushes = f.pushes[max(0, len(f.pushes)-unanswered):]
	return p, true
}

// changedInbound is what the sidecar has to enforce, nil when it was sent that. The
// first push always says so, if only that it is nothing.
func (f *Feed) changedInbound(state *State) *mesh.Inbound {
	if f.sequence > 0 && f.policed == state.policed {
		return nil
	}
	next := state.Policies.For(f.joining.Instance)
	f.policed, next.Version = state.policed, f.inbound.Version
	if f.sequence > 0 && reflect.DeepEqual(next, f.inbound) {
		return nil
	}
	next.Version = state.Version
	f.inbound = next
	return &next
}

func (f *Feed) status() mesh.ProxyStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := mesh.ProxyStatus{
		Instance:    f.joining.Instance,
		Connected:   true,
		Since:       f.since,
		Build:       f.joining.Build,
		Subscribed:  make([]string, 0, len(f.want)),
		Pushed:      f.version,
		Accepted:    f.accepted,
		InSync:      f.sequence > 0 && len(f.pushes) == 0 && f.refusal == "",
		Refusal:     f.refusal,
		CertExpires: f.joining.Expires,
	}
	for _, w := range f.want {
		s.Subscribed = append(s.Subscribed, string(w))
	}
	return s
}

// Renewed records that a sidecar has a newer certificate.
func (h *Hub) Renewed(id mesh.InstanceID, expires time.Time) {
	h.mu.Lock()
	f := h.feeds[id]
	h.mu.Unlock()
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.joining.Expires = expires
}
