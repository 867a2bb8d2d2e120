// Package tap gives the control plane a live look at requests as they end.
//
// While nobody asks, a request costs one atomic load. While somebody does, what is asked
// for is copied into a bounded list, with secret header values and parameters left out
// and never a body, and sent on in batches; what finds no room is dropped and counted.
package tap

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/redact"
)

const (
	// maxRows and maxBytes bound what waits to be sent, and so a batch: a control plane
	// takes a message of 1 MiB.
	maxRows  = 1024
	maxBytes = 512 << 10
	// every is how often there is a batch.
	every = 100 * time.Millisecond
)

// Fields are the header fields of a message, by turns; they are only valid during the
// call.
type Fields func(yield func(name, value string) bool)

// Send takes a batch to the control plane. It may block.
type Send func(ctx context.Context, b mesh.TapBatch) error

// Tap is a sidecar's. Its methods may be called from any goroutine.
type Tap struct {
	asked atomic.Pointer[[]*order] // nil while nobody asks
	wake  chan struct{}            // capacity 1: asked has changed

	secret *redact.Params

	mu      sync.Mutex // guards what follows
	rows    []mesh.Tapped
	bytes   int
	dropped uint64
	total   uint64 // dropped, ever
	told    uint64 // rows that were sent, ever
}

// order is a mesh.Tap under way.
type order struct {
	mesh.Tap
	allowance float64 // guarded by Tap.mu, as are the two below
	at        time.Time
	limited   uint64
}

// New makes a Tap that nobody has asked for anything. Beside what looks like a secret, it
// leaves the values of these query parameters out; none is redact.Defaults: people look
// at these.
func New(secretParams []string) *Tap {
	if len(secretParams) == 0 {
		secretParams = redact.Defaults()
	}
	return &Tap{wake: make(chan struct{}, 1), secret: redact.New(secretParams)}
}

// Ask replaces what is asked for. One that was asked for before goes on as it is.
func (t *Tap) Ask(all []mesh.Tap) {
	before := map[string]*order{}
	if asked := t.asked.Load(); asked != nil {
		for _, o := range *asked {
			before[o.ID] = o
		}
	}
	next := make([]*order, 0, len(all))
	for _, a := range all {
		if a.PerSecond == 0 {
			a.PerSecond = mesh.DefaultTapRate
		}
		o := before[a.ID]
		if o == nil || o.Tap != a {
			o = &order{Tap: a, allowance: float64(a.PerSecond), at: time.Now()}
		}
		next = append(next, o)
	}
	if len(next) == 0 {
		t.asked.Store(nil)
		t.forget()
	} else {
		t.asked.Store(&next)
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Active reports whether anybody asks for anything.
func (t *Tap) Active() bool { return t.asked.Load() != nil }

// Counts tells how many requests were told of, and how many were dropped for want of
// room.
func (t *Tap) Counts() (told, dropped uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.told, t.total
}

// See takes a copy of a request that has ended, if somebody asks for it. answer is what
// Keep made of the response, nil if there was none.
func (t *Tap) See(r *emit.Record, request Fields, answer []mesh.Header) {
	asked := t.asked.Load()
	if asked == nil {
		return
	}
	now := time.Now()
	t.mu.Lock()
	ids, headers := takers(*asked, r, now)
	full := len(t.rows) >= maxRows || t.bytes >= maxBytes
	if full && ids != nil {
		t.dropped++
		t.total++
	}
	t.mu.Unlock()
	if ids == nil || full {
		return
	}
	row := rowOf(r)
	row.Path = textOf(t.secret.Text(r.Path[:min(len(r.Path), mesh.MaxTapPath)]))
	row.Taps = ids
	if headers {
		row.Request, row.Response = t.Keep(request), answer
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, row)
	t.bytes += sizeOf(&row)
}

// WantsHeaders reports whether any tap asks for header fields.
func (t *Tap) WantsHeaders() bool {
	asked := t.asked.Load()
	if asked == nil {
		return false
	}
	for _, o := range *asked {
		if o.Headers {
			return true
		}
	}
	return false
}

// takers are the taps that are told of a request, and whether one wants its headers. The
// caller holds mu.
func takers(asked []*order, r *emit.Record, now time.Time) (ids []string, headers bool) {
	for _, o := range asked {
		if !o.wants(r) {
			continue
		}
		if !o.allow(now) {
			o.limited++
			continue
		}
		ids, headers = append(ids, o.ID), headers || o.Headers
	}
	return ids, headers
}

// wants reports whether a request is one of those asked for.
func (o *order) wants(r *emit.Record) bool {
	return is(o.Direction, direction(r)) &&
		is(string(o.Peer), r.Peer.Service) && is(string(o.PeerVersion), r.Peer.Version) &&
		is(o.Method, r.Method) && strings.HasPrefix(r.Path, o.Path) && is(o.Authority, r.Authority) &&
		o.TapsStatus(r.Status)
}

// is reports whether a field has the value that is asked for; empty asks for any.
func is(asked, value string) bool { return asked == "" || asked == value }

// allow is a token bucket of one second's requests.
func (o *order) allow(now time.Time) bool {
	rate := float64(o.PerSecond)
	o.allowance = min(rate, o.allowance+rate*now.Sub(o.at).Seconds())
	o.at = now
	if o.allowance < 1 {
		return false
	}
	o.allowance--
	return true
}

func direction(r *emit.Record) string {
	if r.Direction == emit.Inbound {
		return mesh.InboundTap
	}
	return mesh.OutboundTap
}

// Run sends what is asked for until ctx ends. A batch that cannot be sent is dropped and
// counted: a live look does not look back.
func (t *Tap) Run(ctx context.Context, send Send) error {
	tick := time.NewTicker(every)
	tick.Stop() // nobody asks
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.wake:
			if t.Active() {
				tick.Reset(every)
			} else {
				tick.Stop()
			}
			continue
		case <-tick.C:
		}
		b := t.take()
		if len(b.Requests) == 0 && len(b.Limited) == 0 && b.Dropped == 0 {
			continue
		}
		t.sent(b, send(ctx, b))
	}
}

// sent counts what became of a batch. What one that was not taken has to say of others
// is said with the next.
func (t *Tap) sent(b mesh.TapBatch, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := uint64(len(b.Requests))
	if err == nil {
		t.told += n
		return
	}
	t.total += n
	asked := t.asked.Load()
	if asked == nil {
		return // nobody is left to be told
	}
	t.dropped += n + b.Dropped
	for _, o := range *asked {
		o.limited += b.Limited[o.ID]
	}
}

// forget frees what nobody waits for any more.
func (t *Tap) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows, t.bytes, t.dropped = nil, 0, 0
}

// take empties the list.
func (t *Tap) take() mesh.TapBatch {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := mesh.TapBatch{Requests: t.rows, Dropped: t.dropped}
	t.rows, t.bytes, t.dropped = nil, 0, 0
	asked := t.asked.Load()
	if asked == nil {
		return b
	}
	for _, o := range *asked {
		if o.limited == 0 {
			continue
		}
		if b.Limited == nil {
			b.Limited = map[string]uint64{}
		}
		b.Limited[o.ID], o.limited = o.limited, 0
	}
	return b
}

// failed is as RED rows and the graph have it.
func failed(r *emit.Record) bool {
	return signal.FailedHop(r.Protocol, r.Status, r.GRPCStatus, r.Flags)
}
