// Package throttle holds tenants to the rates that they may send at: a token bucket for
// the items and one for the bytes of each signal. What it refuses its sender keeps, so
// one tenant's flood waits with that tenant.
package throttle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/signal"
)

const (
	// mostTenants is how many are told apart; further ones share the buckets of
	// signal.Overflow.
	mostTenants = 1000
	// mostClaimed is how many of those may be of senders that proved nothing: any process
	// on the machine may invent them.
	mostClaimed = 100
	// idle is when a tenant that sends nothing is forgotten, with its counts.
	idle = time.Hour
	// shortest is the least that a refused sender is asked to wait: HTTP counts whole
	// seconds.
	shortest = time.Second
)

// Why something was refused.
const (
	TooManyItems = "tenant-items"
	TooManyBytes = "tenant-bytes"
)

// Charge is what a request costs a tenant.
type Charge struct {
	Tenant       string
	Claimed      bool // the sender proved nothing
	Items, Bytes int
}

// RefusedError says that a tenant sends faster than it may.
type RefusedError struct {
	Tenant, Signal, Reason string
	Limit                  int64         // a second
	Wait                   time.Duration // until it may come again
}

// Error implements error.
func (r *RefusedError) Error() string {
	what, field := "items", "items"
	if r.Reason == TooManyBytes {
		what, field = "bytes", "bytes"
	}
	return fmt.Sprintf("tenant %q sends more than %d %s of %s a second; come again in %s, or raise %s.%s in the collector's limits",
		r.Tenant, r.Limit, what, r.Signal, r.Wait, r.Signal, field)
}

// Throttle holds the tenants' buckets. It is safe for use by several goroutines.
type Throttle struct {
	limits limits.Config
	now    func() time.Time

	mu      sync.Mutex
	tenants map[string]*tenant
	claimed int
	swept   time.Time
}

type tenant struct {
	claimed bool
	seen    time.Time
	flows   map[string]*flow // by signal
}

// flow is one signal of one tenant.
type flow struct {
	may          limits.Rate
	items, bytes *rate.Limiter // nil is no limit
	books        signal.Tenant
}

// New makes a throttle; c has its defaults.
func New(c limits.Config) *Throttle {
	return &Throttle{limits: c, now: time.Now, tenants: map[string]*tenant{}, swept: time.Now()}
}

// Take takes what a request costs from the buckets of its tenants: of all, or where one
// has not enough, of none. More than a bucket holds costs all that it holds.
func (t *Throttle) Take(of string, charges []Charge) *RefusedError {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.forget(now)
	var (
		flows = make([]*flow, len(charges))
		taken []*rate.Reservation
		worst *RefusedError
	)
	for i, c := range charges {
		f := t.flow(now, of, c)
		flows[i] = f
		for _, b := range []struct {
			bucket *rate.Limiter
			cost   int
			reason string
			limit  limits.Amount
		}{{f.items, c.Items, TooManyItems, f.may.Items}, {f.bytes, c.Bytes, TooManyBytes, f.may.Bytes}} {
			if b.bucket == nil || b.cost == 0 {
				continue
			}
			r := b.bucket.ReserveN(now, min(b.cost, b.bucket.Burst()))
			taken = append(taken, r)
			if wait := r.DelayFrom(now); wait > 0 && (worst == nil || wait > worst.Wait) {
				worst = &RefusedError{Tenant: f.books.Tenant, Signal: of, Reason: b.reason, Limit: int64(b.limit), Wait: wait}
			}
		}
	}
	if worst != nil {
		for _, r := range slices.Backward(taken) {
			r.CancelAt(now)
		}
		worst.Wait = max(worst.Wait.Round(time.Second), shortest)
	}
	for i, c := range charges {
		flows[i].count(c, worst)
	}
	return worst
}

// GiveBack puts what Take took for a request, and for nothing, into its tenant's buckets
// again, as far as they have not filled since.
func (t *Throttle) GiveBack(of string, c Charge) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	f := t.flow(now, of, c)
	putBack(now, f.items, c.Items)
	putBack(now, f.bytes, c.Bytes)
	f.books.Taken -= min(f.books.Taken, uint64(c.Items)) // none where the tenant was forgotten meanwhile
	f.books.TakenBytes -= min(f.books.TakenBytes, uint64(c.Bytes))
}

// putBack puts what a cost took into a bucket; nil is none. A limiter that is asked for less
// than nothing has as much more, up to its burst; a reservation can be cancelled only before
// its time.
func putBack(now time.Time, bucket *rate.Limiter, cost int) {
	if bucket != nil {
		bucket.AllowN(now, -min(cost, bucket.Burst()))
	}
}

func rateOf(r limits.Rates, of string) limits.Rate {
	switch of {
	case account.Traces:
		return r.Traces
	case account.Logs:
		return r.Logs
	}
	return r.Metrics
}

func bucket(a limits.Amount, burst limits.Duration) *rate.Limiter {
	if a == limits.None {
		return nil
	}
	size := int(float64(a) * time.Duration(burst).Seconds())
	return rate.NewLimiter(rate.Limit(a), max(size, 1))
}

// Books are what became of what each tenant sent, since it was last idle for long, by
// name and signal.
func (t *Throttle) Books() []signal.Tenant {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []signal.Tenant{}
	for _, at := range t.tenants {
		for _, f := range at.flows {
			b := f.books
			b.Refused = make(map[string]uint64, len(f.books.Refused))
			maps.Copy(b.Refused, f.books.Refused)
			all = append(all, b)
		}
	}
	slices.SortFunc(all, func(a, b signal.Tenant) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Signal, b.Signal))
	})
	return all
}

// count enters what became of a charge in the books.
func (f *flow) count(c Charge, r *RefusedError) {
	if r == nil {
		f.books.Taken += uint64(c.Items)
		f.books.TakenBytes += uint64(c.Bytes)
		return
	}
	if f.books.Refused == nil {
		f.books.Refused = map[string]uint64{}
	}
	f.books.Refused[r.Reason] += uint64(c.Items)
}

// flow is a tenant's, made where there is none; its books have the name that it goes by.
func (t *Throttle) flow(now time.Time, of string, c Charge) *flow {
	name := c.Tenant
	at := t.tenants[name]
	if at == nil && (len(t.tenants) >= mostTenants || c.Claimed && t.claimed >= mostClaimed) {
		name = signal.Overflow
		at = t.tenants[name]
	}
	if at == nil {
		at = &tenant{claimed: c.Claimed && name != signal.Overflow, flows: map[string]*flow{}}
		t.tenants[name] = at
		if at.claimed {
			t.claimed++
		}
	}
	at.seen = now
	f := at.flows[of]
	if f == nil {
		may := rateOf(t.limits.Of(name), of)
		f = &flow{may: may, items: bucket(may.Items, may.Burst), bytes: bucket(may.Bytes, may.Burst)}
		f.books = signal.Tenant{Tenant: name, Claimed: at.claimed, Signal: of}
		at.flows[of] = f
	}
	return f
}

// forget gives up tenants that have long sent nothing: their buckets are full again.
func (t *Throttle) forget(now time.Time) {
	if now.Sub(t.swept) < idle/4 {
		return
	}
	t.swept = now
	for name, at := range t.tenants {
		if now.Sub(at.seen) > idle {
			delete(t.tenants, name)
			if at.claimed {
				t.claimed--
			}
		}
	}
}
