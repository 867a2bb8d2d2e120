package hub

import (
	"context"
	"errors"
	"math"
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
	begun   bool                        // something was sent
	read    []mesh.ServiceName          // what the hub tells it of

	// Guarded by the hub.
	reads  map[mesh.ServiceName]struct{} // where the hub finds this feed
	looked bool                          // it has begun to read states
	left   bool

	debts debts

	mu       sync.Mutex // guards what follows
	joining  Joining
	want     []mesh.ServiceName
	asked    bool
	pushes   []pushed // not answered, in the order sent
	sequence uint64
	version  uint64 // of the newest push
	accepted uint64
	refusal  string
	latest   time.Duration // that a change took until it was in force
	away     mesh.TurnedAway
	told     time.Time // of connections that were turned away
}

type pushed struct {
	sequence, version uint64
	carries           []debt
}

// Join adds a sidecar's feed, in place of an older one of the same instance.
func (h *Hub) Join(j Joining) *Feed {
	f := &Feed{
		h:       h,
		since:   time.Now(),
		wake:    make(chan struct{}, 1),
		gone:    make(chan struct{}),
		sent:    map[mesh.ServiceName]uint64{},
		reads:   map[mesh.ServiceName]struct{}{},
		joining: j,
	}
	h.tally.streams.Add(1)
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
	f.h.forget(f)
	open := f.debts.take(math.MaxUint64)
	f.mu.Lock()
	for _, p := range f.pushes {
		open = append(open, p.carries...)
	}
	f.pushes = nil
	f.mu.Unlock()
	f.h.changes.abandon(open)
}

// Want replaces the services that the sidecar wants to know.
func (f *Feed) Want(services []mesh.ServiceName) {
	f.mu.Lock()
	f.want, f.asked = slices.Clone(services), true
	f.mu.Unlock()
	signal(f.wake)
}

// Answer is what a sidecar made of a push.
type Answer struct {
	Sequence uint64 // the push's
	Accepted bool
	Reason   string        // why not
	Ago      time.Duration // how long before it was said the push was put in force; 0 where the sidecar does not tell
}

// Answer records what the sidecar made of a push, and with it of those before.
func (f *Feed) Answer(a Answer) {
	now := time.Now()
	f.mu.Lock()
	i := slices.IndexFunc(f.pushes, func(p pushed) bool { return p.sequence == a.Sequence })
	if i < 0 {
		f.mu.Unlock()
		return
	}
	version := f.pushes[i].version
	var carried []debt
	for _, p := range f.pushes[:i+1] {
		carried = append(carried, p.carries...)
	}
	f.pushes = slices.Delete(f.pushes, 0, i+1)
	f.refusal = ""
	inForce := now.Add(-max(a.Ago, 0))
	if a.Accepted {
		f.accepted = version
		if n := len(carried); n > 0 {
			f.latest = inForce.Sub(carried[n-1].at)
		}
	} else {
		f.refusal = a.Reason
	}
	instance := f.joining.Instance
	f.mu.Unlock()
	if a.Accepted {
		f.h.tally.accepted.Add(1)
		f.h.changes.settle(carried, inForce)
		return
	}
	f.h.tally.refused.Add(1)
	f.h.changes.refuse(carried)
	if f.h.deps.Refused != nil {
		f.h.deps.Refused(instance, version, a.Reason)
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
	f.mu.Lock()
	want, asked := f.want, f.asked
	f.mu.Unlock()
	if !asked {
		return Push{}, false
	}
	state, all := f.look(want)
	if state == nil {
		return Push{}, false
	}
	p := Push{Version: state.Version, Built: state.Built}
	versions := make(map[mesh.ServiceName]uint64, len(all))
	for _, s := range all {
		p.Services = append(p.Services, s.Service)
		versions[s.Service] = s.Version
		if v, ok := f.sent[s.Service]; !ok || v != s.Version {
			p.Snapshots = append(p.Snapshots, s)
		}
	}
	p.Inbound = f.changedInbound(state)
	p.Taps, p.TapsNews = f.changedTaps()
	if f.begun && len(p.Snapshots) == 0 && p.Inbound == nil && !p.TapsNews && len(versions) == len(f.sent) {
		f.h.changes.forgive(f.debts.take(state.Version)) // what was changed and changed back, or concerns it not
		return Push{}, false
	}
	f.sent, f.begun = versions, true
	f.note(&p)
	f.h.tally.pushes.Add(1)
	f.h.tally.snapshots.Add(uint64(len(p.Snapshots)))
	return p, true
}

// look is the newest state and what of it concerns a sidecar that wants these
// services. The hub tells this feed of every change of those from before it was read.
func (f *Feed) look(want []mesh.ServiceName) (*State, []mesh.Snapshot) {
	for {
		state := f.h.state.Load()
		if state == nil {
			return nil, nil
		}
		seen, hidden := state.Policies.Seen(f.joining.Instance, want)
		read := compile.Closure(state.Snapshots, seen)
		all := read
		if len(hidden) > 0 {
			all = compile.Hide(read, hidden)
		}
		if f.reading(read) {
			return state, all
		}
		f.h.subscribe(f, read)
		f.read = f.read[:0]
		for _, s := range read {
			f.read = append(f.read, s.Service)
		}
		if f.h.state.Load() == state {
			return state, all
		}
	}
}

// reading reports whether the hub tells the feed of these services already.
func (f *Feed) reading(all []mesh.Snapshot) bool {
	return f.begun && slices.EqualFunc(all, f.read, func(s mesh.Snapshot, name mesh.ServiceName) bool { return s.Service == name })
}

// note remembers a push for its answer.
func (f *Feed) note(p *Push) {
	carries := f.debts.take(p.Version)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sequence++
	f.version = p.Version
	p.Sequence = f.sequence
	f.pushes = append(f.pushes, pushed{p.Sequence, p.Version, carries})
	if len(f.pushes) > unanswered {
		f.h.changes.abandon(f.pushes[0].carries)
		f.pushes = slices.Delete(f.pushes, 0, 1)
	}
}

// changedInbound is what the sidecar has to enforce, nil when it was sent that. The
// first push always says so, if only that it is nothing.
func (f *Feed) changedInbound(state *State) *mesh.Inbound {
	if f.begun && f.policed == state.policed {
		return nil
	}
	next := state.Policies.For(f.joining.Instance)
	f.policed, next.Version = state.policed, f.inbound.Version
	if f.begun && reflect.DeepEqual(next, f.inbound) {
		return nil
	}
	next.Version = state.Version
	f.inbound = next
	return &next
}

func (f *Feed) status() mesh.ProxyStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	behind := f.behind()
	s := mesh.ProxyStatus{
		Instance:    f.joining.Instance,
		Connected:   true,
		Since:       f.since,
		Build:       f.joining.Build,
		Subscribed:  make([]string, 0, len(f.want)),
		Pushed:      f.version,
		Accepted:    f.accepted,
		InSync:      f.sequence > 0 && len(f.pushes) == 0 && f.refusal == "" && behind.IsZero(),
		Refusal:     f.refusal,
		CertExpires: f.joining.Expires,

		PropagationMs: mesh.Milliseconds(f.latest),
		Behind:        behind,
		TurnedAway:    f.away,
	}
	for _, w := range f.want {
		s.Subscribed = append(s.Subscribed, string(w))
	}
	return s
}

// behind is the commit of the oldest change that is not confirmed, zero without one. The
// caller holds mu.
func (f *Feed) behind() (at time.Time) {
	for _, p := range f.pushes {
		for _, d := range p.carries {
			at = earlier(at, d.at)
		}
	}
	return earlier(at, f.debts.oldest())
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
