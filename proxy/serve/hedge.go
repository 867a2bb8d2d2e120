package serve

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/hedge"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// Reasons of tries that lost a race.
var (
	errOvertaken = errors.New("lost to a hedge")
	errHedgeLost = errors.New("hedge lost")
)

// mostDelays bounds the routes whose latencies are remembered for hedging.
const mostDelays = 1024

// hedges is what an Outbound knows of its hedges.
type hedges struct {
	mu     sync.Mutex // guards delays
	delays map[delayKey]*hedge.Delay

	sent, won, withheld atomic.Uint64
}

type delayKey struct {
	service mesh.ServiceName
	route   string
}

// delay is a route's. It goes on over changes of anything but its own configuration.
func (hs *hedges) delay(key delayKey, c hedge.Config) *hedge.Delay {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	d := hs.delays[key]
	if d != nil && d.Config() == c {
		return d
	}
	if hs.delays == nil || len(hs.delays) >= mostDelays {
		hs.delays = make(map[delayKey]*hedge.Delay)
	}
	d = hedge.New(c)
	hs.delays[key] = d
	return d
}

// Hedged tells how many second tries there were beside a first, how many of them gave
// the answer, and how many there were not as there was no budget or no other instance.
func (o *Outbound) Hedged() (sent, won, withheld uint64) {
	return o.hedges.sent.Load(), o.hedges.won.Load(), o.hedges.withheld.Load()
}

// beginning is that of an answer to a letter, which a codec may adopt.
type beginning interface{ drop() }

// race is a try with the chance of a second one beside it. The codec that sends the
// first one tells it when the whole request has left and the answer is late.
type race struct {
	out *Outbound
	at  time.Time // when the second begins
	// grace is how long the second may still take when the first has come to nothing good.
	// It is the delay, or the most of it: after that an answer counts as late.
	grace  time.Duration
	tried  bool    // to begin it
	second *second // nil while there is none; set by the request's goroutine

	mu      sync.Mutex // guards what follows
	settled bool       // the first has brought what it will
	lost    bool       // the first is interrupted
}

// second is the second try. What follows done is valid when that is closed.
type second struct {
	lease  upstream.Lease
	sent   time.Time
	cancel context.CancelFunc
	done   chan struct{}
	reply  beginning
	answer answer
	err    error
	took   time.Duration
}

func (s *second) good() bool { return s.err == nil && isGood(s.answer) }

// isGood reports whether an answer is one to go with, while another may come.
func isGood(a answer) bool {
	switch a.grpc {
	case 2, 8, 13, 14, 15:
		return false
	}
	return a.status < 500 && a.status != 429
}

// hedge lets a try have a second one beside it, as the route's policy says.
func (o *Outbound) hedge(next handler) handler {
	return func(x *exchange) error {
		h := x.route.Hedge
		if h == nil || x.stream || x.extended || !x.idempotent && (x.rec.Protocol != "grpc" || !h.Allows(x.ask.Path)) {
			return next(x)
		}
		d := o.hedges.delay(delayKey{x.route.Service, x.route.Name}, h.Config)
		began := time.Now()
		r := &race{out: o, at: began.Add(d.Now()), grace: max(h.After, h.Most)}
		x.race = r
		err := next(x)
		x.race = nil
		if r.second != nil {
			err = r.end(x, err)
		}
		if err == nil {
			d.Observe(time.Since(began))
		}
		return err
	}
}

// due is when the second try is to begin, zero if it is not: when the first would not
// be waited for any longer by then, it is none.
func (r *race) due(until time.Time) time.Time {
	if r == nil || r.tried || !until.IsZero() && !r.at.Before(until) {
		return time.Time{}
	}
	return r.at
}

// begin begins the second try, if there may be one. Interrupt has the codec's send
// return; it is called from another goroutine, and not after settle.
func (r *race) begin(x *exchange, interrupt func()) {
	r.tried = true
	o := r.out
	lease, err := o.deps.Pick(x.route, &x.ask, x.tried)
	if err != nil {
		o.hedges.withheld.Add(1)
		return
	}
	letter := x.letter(lease)
	if slices.Contains(x.tried, lease.Instance) || letter == nil || !o.deps.Budget.Withdraw() {
		lease.Done(upstream.Outcome{Kind: upstream.Overflow}) // which says nothing of the instance
		o.hedges.withheld.Add(1)
		return
	}
	x.tried = append(x.tried, lease.Instance)
	o.hedges.sent.Add(1)
	s := &second{lease: lease, sent: time.Now(), done: make(chan struct{})}
	var ctx context.Context
	if end := x.until(); end.IsZero() {
		ctx, s.cancel = context.WithCancel(x.ctx)
	} else {
		ctx, s.cancel = context.WithDeadline(x.ctx, end)
	}
	r.second = s
	i := lease.Instance
	to := o.links.to(i, func() *link { return o.open(i) })
	go func() { // end waits for it
		defer close(s.done)
		s.reply, s.answer, s.err = letter.begin(ctx, to)
		s.took = time.Since(s.sent)
		if s.good() {
			r.overtake(interrupt)
		}
	}()
}

// letter is the request as the second try sends it.
func (x *exchange) letter(to upstream.Lease) letter {
	rules := x.route.Rules
	if rules == nil {
		return x.via.copy(x, address{})
	}
	x.apply(rules, to.Destination)
	l := x.via.copy(x, address{})
	x.takeEdits(x.lease)
	return l
}

// overtake interrupts the first try, unless that has brought what it will.
func (r *race) overtake(interrupt func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.settled {
		r.lost = true
		interrupt()
	}
}

// settle ends the time in which the first try may be interrupted, and reports whether
// it was.
func (r *race) settle() (lost bool) {
	if r == nil || r.second == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled = true
	return r.lost
}

// end settles on one of the two answers. The first has come to err; that its answer is
// good ends the second.
func (r *race) end(x *exchange, err error) error {
	s := r.second
	// Nobody is there to take what the second may bring, or it is not wanted.
	settled := err == nil && isGood(x.answer) || errors.Is(err, errClientGone)
	if !settled {
		s.await(r.grace)
	}
	s.cancel()
	<-s.done
	t := emit.Try{Instance: string(s.lease.Instance.Info.ID), Start: s.sent.Sub(x.rec.Start), Took: s.took, Status: s.answer.status}
	if settled || !s.good() {
		if s.reply != nil {
			s.reply.drop()
		}
		t.Reason = errHedgeLost.Error()
		if s.err != nil && !errors.Is(s.err, context.Canceled) {
			t.Reason += ": " + s.err.Error()
		} else {
			t.Lost = s.answer.status == 0
		}
		x.rec.Tries = append(x.rec.Tries, t)
		s.lease.Done(upstream.Outcome{
			Took: s.took, Status: s.answer.status, GRPCStatus: s.answer.grpc, RetryAfter: s.answer.after, Kind: s.kind(),
		})
		return err
	}
	r.out.hedges.won.Add(1)
	kind := upstream.Canceled
	if !errors.Is(err, errOvertaken) {
		kind = kindOfTry(x, err)
	}
	x.settle(kind, time.Since(x.sent))
	x.rec.Tries = append(x.rec.Tries, t)
	waited := s.sent.Sub(x.sent)
	r.out.takeUp(x, s.lease, s.sent)
	x.rec.Choice, x.answer = "hedge after "+waited.Round(time.Millisecond).String(), s.answer
	return x.via.adopt(x, s.reply)
}

// await waits for the second try, for so long at most.
func (s *second) await(grace time.Duration) {
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-s.done:
	case <-t.C:
	}
}

// kind is what the end of a second try that lost means for its instance.
func (s *second) kind() upstream.Kind {
	switch {
	case errors.Is(s.err, context.Canceled), s.good():
		return upstream.Canceled
	case s.err != nil:
		return kindOf(s.err)
	case s.answer.overloaded:
		return upstream.Overloaded
	case s.answer.status >= 500:
		return upstream.Failure
	}
	return upstream.Success
}

// overtaken reports whether the first try is interrupted.
func (r *race) overtaken() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}
