package push

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

const (
	backoffCeiling = 2 * time.Second // so a restarted control plane is found soon
	farewell       = time.Second     // how long a goodbye may take
)

// Config says who subscribes, and where.
type Config struct {
	// ControlPlane is its host and port; of several, with commas between them, one is
	// used until it dies or falls silent, then the next.
	ControlPlane string
	// TLS presents this sidecar's certificate and knows the control plane's.
	TLS *tls.Config
	// Instance is what others shall know of this one. Service, version, id and
	// identity are taken from the certificate, whatever it says here.
	Instance mesh.Instance
	// Build is this sidecar's version.
	Build string
	// Inbound takes what this sidecar itself has to enforce and puts it in force, whole
	// and apart from what Apply takes. An error refuses it: it must then be as if Inbound
	// was not called. It is never called twice at a time. Until it has accepted
	// something, the instance is not told to be ready. Nil is a client that enforces
	// nothing.
	Inbound func(mesh.Inbound) error
	// Taps takes all that this sidecar is asked to tell of requests as they end, and nothing
	// when the stream ends. It must not block. Nil is a client that tells of none.
	Taps func([]mesh.Tap)
	// TurnedAway is what connections the instance did not take; it is asked now and then
	// while the stream lasts. It must not block. Nil is a client that does not tell.
	TurnedAway func() mesh.TurnedAway
	// Dir keeps the last accepted set over a restart; empty keeps none.
	Dir string
	// Logger gets what is done in the background; nil is silence.
	Logger *slog.Logger
}

// Apply takes the whole set of what is subscribed to, in no order, and puts it in
// force. An error refuses the set: it must then be as if Apply was not called. It
// is never called twice at a time. The set is read-only.
type Apply func(snaps []mesh.Snapshot) error

// Status is how the feed stands.
type Status struct {
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"`    // of the present connection
	Version   uint64    `json:"version"`           // of the set in force; 0 before the first
	Changed   time.Time `json:"changed,omitzero"`  // when the set in force was put there
	Refusal   string    `json:"refusal,omitempty"` // why a newer set is not in force
	// Stale is since when the set in force may not be what the control plane says any
	// more: since the stream ended, since a newer set was refused, or, of a set from disk,
	// since it was last known to be right. Zero is not stale, or no set. A control plane
	// that falls silent is noticed by pings only.
	Stale time.Time `json:"stale,omitzero"`
}

// Age is how old at most what the sidecar serves from is; 0 is up to date.
func (s Status) Age(now time.Time) time.Duration {
	if s.Stale.IsZero() {
		return 0
	}
	return max(now.Sub(s.Stale), 0)
}

// has is what is in force: no control plane shall take a sidecar back to what was before.
type has struct {
	version uint64 // 0 before a push of this process's time
	epoch   string // names the store that version is of
}

// Client keeps one stream to the control plane. Its methods may be called from
// any goroutine and never block.
type Client struct {
	// Set by New and never changed.
	cfg    Config
	apply  Apply
	planes *planes
	random func() float64 // in [0, 1)

	wake   chan struct{} // capacity 1: there is something to say
	reopen chan struct{} // capacity 1: the stream is to be made anew

	restored chan struct{} // closed by Run

	yielded chan struct{} // closed by Yield
	yield   func()
	good    good // owned by Run

	mu     sync.Mutex // guards what follows
	wanted map[mesh.ServiceName]bool
	state  mesh.InstanceState
	acks   []ack // of the present stream, not sent yet
	has    has
	status Status
	rpc    wireconnect.ControlPlaneClient // of the present stream; nil when there is none
	guards bool                           // it is known what to enforce
}

// New makes a client that hands its sets to apply. It does nothing before Run.
func New(c Config, apply Apply) *Client {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	yielded := make(chan struct{})
	return &Client{
		restored: make(chan struct{}),

		yielded: yielded,
		yield:   sync.OnceFunc(func() { close(yielded) }),

		cfg:    c,
		apply:  apply,
		planes: newPlanes(c),
		random: rand.Float64,
		wake:   make(chan struct{}, 1),
		reopen: make(chan struct{}, 1),
		wanted: map[mesh.ServiceName]bool{},
		state:  c.Instance.State,
		guards: c.Inbound == nil,
	}
}

// Subscribe adds services to those this sidecar wants to know. One it has already
// changes nothing.
func (c *Client) Subscribe(services ...mesh.ServiceName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.wanted)
	for _, s := range services {
		c.wanted[s] = true
	}
	if len(c.wanted) > before {
		c.notify()
	}
}

// Unsubscribe takes services out of those this sidecar wants to know.
func (c *Client) Unsubscribe(services ...mesh.ServiceName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.wanted)
	for _, s := range services {
		delete(c.wanted, s)
	}
	if len(c.wanted) < before {
		c.notify()
	}
}

// Services are those this sidecar wants to know, sorted.
func (c *Client) Services() []mesh.ServiceName {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.wanted))
}

// SetState tells the mesh whether this instance takes requests.
func (c *Client) SetState(s mesh.InstanceState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != s {
		c.state = s
		c.notify()
	}
}

// Restored is closed once Run has put the set on disk in force, if there is one.
func (c *Client) Restored() <-chan struct{} { return c.restored }

// Yield has Run end without taking leave: another process goes on as this instance.
func (c *Client) Yield() { c.yield() }

// Reopen has another stream made, with the certificate of the moment. It takes the place
// of the present one once the control plane has pushed on it.
func (c *Client) Reopen() {
	select {
	case c.reopen <- struct{}{}:
	default:
	}
}

// Status is how the feed stands now.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Run applies the set on disk, then keeps a stream to the control plane until ctx
// ends, and takes its leave: the instance is then gone from the registry at once.
// It returns nil.
func (c *Client) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-c.yielded:
			end()
		case <-ctx.Done():
		}
	}()
	defer func() { end(); <-watched }()
	c.restore()
	close(c.restored)
	c.feed(ctx)
	return nil
}

// feed has one stream after the other until ctx ends.
func (c *Client) feed(ctx context.Context) {
	failures := 0 // in a row
	for s := c.fresh(ctx); ; {
		next, err := s.run(ctx)
		if s.pushed {
			failures = 0
		}
		if next != nil {
			s = next
			continue
		}
		c.disconnected()
		if ctx.Err() != nil {
			return
		}
		wait := c.planes.rest(failures)
		failures++
		c.planes.Failed(s.address)
		c.cfg.Logger.Info("control plane feed ended", "control plane", s.address, "again within", wait, "reason", err)
		if !c.pause(ctx, wait) {
			return
		}
		s = c.fresh(ctx)
	}
}

// fresh begins a stream that takes no other's place.
func (c *Client) fresh(ctx context.Context) *session {
	select {
	case <-c.reopen: // which this does
	default:
	}
	return c.session(ctx, c.planes.Current())
}

func (c *Client) hasYielded() bool {
	select {
	case <-c.yielded:
		return true
	default:
		return false
	}
}

// pause waits between half of d and d, so that a mesh does not come back at once.
func (c *Client) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d/2 + time.Duration(c.random()*float64(d/2)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// notify never blocks; the sender takes everything there is to say at once.
func (c *Client) notify() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// told is the state that others may know of: nobody shall call an instance that does
// not know yet what to let in. The caller holds mu.
func (c *Client) told() mesh.InstanceState {
	if c.state == mesh.Ready && !c.guards {
		return mesh.Starting
	}
	return c.state
}

// guard puts in force what this sidecar has to enforce.
func (c *Client) guard(in mesh.Inbound) error {
	if err := c.cfg.Inbound(in); err != nil {
		return fmt.Errorf("inbound: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.guards {
		c.guards = true
		c.notify()
	}
	return nil
}

// enforces reports whether it is known what to enforce.
func (c *Client) enforces() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.guards
}

// speakOver has calls beside the stream go over the stream's connection.
func (c *Client) speakOver(rpc wireconnect.ControlPlaneClient) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rpc = rpc
}

func (c *Client) connected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Connected, c.status.Since = true, time.Now()
}

func (c *Client) disconnected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Connected, c.status.Since = false, time.Time{}
	c.acks, c.rpc = nil, nil
	if c.stale(time.Now()) {
		c.vouched()
	}
	c.untap()
}

// succeeded is called between a stream and the one that takes its place.
func (c *Client) succeeded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acks = nil
	c.untap()
	c.notify() // the other stream may have taken the news
}

// untap takes back what was asked on a stream that has ended: who had asked asks again on
// the next.
func (c *Client) untap() {
	if c.cfg.Taps != nil {
		c.cfg.Taps(nil)
	}
}

// stale takes note that the set in force may be out of date from now on, unless it was
// already. The caller holds mu.
func (c *Client) stale(now time.Time) bool {
	if c.status.Version == 0 || !c.status.Stale.IsZero() {
		return false
	}
	c.status.Stale = now
	return true
}
