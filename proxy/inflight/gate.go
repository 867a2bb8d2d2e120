// Package inflight bounds how much may be under way at once, in all and for each
// caller, and shares what there is between callers: while there is room everybody is
// let in, and when there is none, who has more than an equal share is refused. Who has
// less waits a moment for the next that ends, which nobody else can take then. So the
// bound is never exceeded, no part of it lies idle, and a noisy caller cannot keep a
// quiet one out.
//
// An entry costs a few atomic operations, whatever the number of callers. Only one
// that waits takes a lock.
package inflight

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Limit is a bound on what is under way. It may change.
type Limit interface{ Limit() int }

// Fixed is a Limit that does not change.
type Fixed int

// Limit implements Limit.
func (f Fixed) Limit() int { return int(f) }

// Bounds are what an Enter is held against.
type Bounds struct {
	All       Limit // nil is none
	PerCaller int   // 0 is none
	// By is until when an Enter may wait, if that is before the gate's patience ends; zero
	// is as long as that.
	By time.Time
}

// Verdict is what becomes of an Enter.
type Verdict uint8

// The verdicts.
const (
	Entered    Verdict = iota
	Full               // all there may be are under way
	CallerFull         // all there may be of this caller
	Late               // Bounds.By was reached first
	Gone               // the context ended first
)

// Gate counts what is under way. Its methods may be called from any goroutine.
type Gate struct {
	plane    int
	patience time.Duration

	now     atomic.Int64
	active  atomic.Int64 // callers with something under way, or waiting
	waiting atomic.Int64 // len of queue
	waited  atomic.Uint64

	mu    sync.Mutex // guards queue
	queue list.List  // of *waiter, the first in line first
}

// waiter is an Enter that waits.
type waiter struct {
	all Limit
	in  chan struct{} // closed once it is in
}

// NewGate makes a Gate that nothing has entered. Gates that count the same callers
// have a plane each, 0 and 1. Patience is how long one may wait whose caller has less
// than its share.
func NewGate(plane int, patience time.Duration) *Gate {
	return &Gate{plane: plane, patience: patience}
}

// Enter counts one of a caller's in. It may wait, until ctx or the time in b ends, for
// one that ends.
// Only after Entered, Leave must follow.
func (g *Gate) Enter(ctx context.Context, c *Caller, b Bounds) Verdict {
	mine, ok := g.count(c, b.PerCaller)
	if !ok {
		return CallerFull
	}
	if b.All == nil {
		g.now.Add(1)
		return Entered
	}
	if g.waiting.Load() > 0 && g.now.Load() < int64(b.All.Limit()) {
		g.letIn() // the limit has risen: who waits is first, and then there may be room
	}
	if g.waiting.Load() == 0 && g.take(b.All) {
		return Entered
	}
	v := Full
	if mine <= g.share(b.All) {
		v = g.await(ctx, b)
	}
	if v != Entered {
		g.uncount(c)
	}
	return v
}

// Leave counts one out, and lets in who waits.
func (g *Gate) Leave(c *Caller) {
	g.uncount(c)
	g.now.Add(-1)
	if g.waiting.Load() > 0 {
		g.letIn()
	}
}

// Now is how many are under way.
func (g *Gate) Now() int { return int(g.now.Load()) }

// Waited is how many waited to be let in, whether they were or not.
func (g *Gate) Waited() uint64 { return g.waited.Load() }

// letIn lets in who waits, if there is room.
func (g *Gate) letIn() {
	g.mu.Lock()
	g.admit()
	g.mu.Unlock()
}

// count counts what a caller has, and asks for.
func (g *Gate) count(c *Caller, most int) (mine int64, ok bool) {
	n := &c.now[g.plane]
	for {
		was := n.Load()
		if most > 0 && was >= int64(most) {
			return was, false
		}
		if n.CompareAndSwap(was, was+1) {
			if was == 0 {
				g.active.Add(1)
			}
			return was + 1, true
		}
	}
}

func (g *Gate) uncount(c *Caller) {
	if c.now[g.plane].Add(-1) == 0 {
		g.active.Add(-1)
	}
}

// take takes a place if there is one.
func (g *Gate) take(all Limit) bool {
	most := int64(all.Limit())
	for {
		n := g.now.Load()
		if n >= most {
			return false
		}
		if g.now.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// share is how many each caller may have when there is not enough for all: at least one.
func (g *Gate) share(all Limit) int64 {
	callers := max(g.active.Load(), 1)
	return (int64(all.Limit()) + callers - 1) / callers
}

// await waits for a place. What waits is bounded by the callers' shares.
func (g *Gate) await(ctx context.Context, b Bounds) Verdict {
	w := &waiter{all: b.All, in: make(chan struct{})}
	g.mu.Lock()
	at := g.queue.PushBack(w)
	g.waiting.Add(1)
	g.admit() // one may have left that did not see w
	g.mu.Unlock()
	select {
	case <-w.in:
		return Entered
	default:
	}
	g.waited.Add(1)
	patience, v := g.patience, Full
	if !b.By.IsZero() && time.Until(b.By) <= patience {
		patience, v = time.Until(b.By), Late
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-w.in:
		return Entered
	case <-t.C:
	case <-ctx.Done():
		v = Gone
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.in: // just now
		return Entered
	default:
	}
	g.queue.Remove(at)
	g.waiting.Add(-1)
	return v
}

// admit lets in as many as there is room for. It runs with mu held.
func (g *Gate) admit() {
	for e := g.queue.Front(); e != nil; e = g.queue.Front() {
		w := e.Value.(*waiter)
		if !g.take(w.all) {
			return
		}
		g.queue.Remove(e)
		g.waiting.Add(-1)
		close(w.in)
	}
}
