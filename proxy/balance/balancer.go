package balance

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Method is a way to choose.
type Method uint8

// The methods. PeakEWMA and LeastRequest look at two places drawn at random and take
// the better: nearly as good as looking at all, and many senders that see the same
// loads do not all run to the same place.
const (
	PeakEWMA     Method = iota // the lower Load.Score
	LeastRequest               // the fewer requests in flight
	RoundRobin
	Random
)

// decisive is how much better a score must be to decide: differences of a hundredth
// are chance, and would send all requests to the same place while nothing is known.
const decisive = 0.99

// curiosity is how many picks there are to one that may go to the heavier of two places
// because nothing was heard of it for a while. It keeps what a slow place costs to a
// share of the requests where there are few of them.
const curiosity = 16

// draws bounds how often a place that is still warming up is passed over for another
// draw. Where all are, this many leave hardly a bias.
const draws = 32

// Balancer chooses among places. Its methods may be called from any goroutine.
type Balancer struct {
	method Method
	warmup Warmup
	turn   atomic.Uint64
}

// New makes a balancer.
func New(m Method, w Warmup) *Balancer {
	b := &Balancer{method: m, warmup: w}
	b.turn.Store(rand.Uint64()) // senders that start together take different turns
	return b
}

// Pick chooses one of the places whose loads these are, at least one, and returns its
// number. It allocates nothing and waits for nobody.
func (b *Balancer) Pick(now time.Time, loads []*Load) int {
	if len(loads) == 1 {
		return 0
	}
	i := b.draw(now, loads, -1)
	if b.method == RoundRobin || b.method == Random {
		return i
	}
	j := b.draw(now, loads, i)
	if b.method == PeakEWMA && rand.IntN(curiosity) == 0 && loads[i].silent(now) {
		return i
	}
	if b.lighter(now, loads[j], loads[i]) {
		return j
	}
	return i
}

// draw takes the place whose turn it is, or a random one, but not the one drawn before.
// One that warms up is taken with the share that it may have by now.
func (b *Balancer) draw(now time.Time, loads []*Load, before int) int {
	i := b.any(len(loads), before)
	if b.warmup.Duration == 0 {
		return i
	}
	for range draws {
		if share := b.warmup.Share(loads[i].age(now)); share >= 1 || rand.Float64() < share {
			break
		}
		i = b.any(len(loads), before)
	}
	return i
}

func (b *Balancer) any(n, but int) int {
	switch {
	case b.method == RoundRobin:
		return int(b.turn.Add(1) % uint64(n))
	case but < 0:
		return rand.IntN(n)
	}
	i := rand.IntN(n - 1)
	if i >= but {
		i++
	}
	return i
}

func (b *Balancer) lighter(now time.Time, x, y *Load) bool {
	if b.method == LeastRequest {
		return x.InFlight() < y.InFlight()
	}
	return x.Score(now) < y.Score(now)*decisive
}
