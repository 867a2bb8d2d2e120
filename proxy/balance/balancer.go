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

// Balancer chooses among places. Its methods may be called from any goroutine.
type Balancer struct {
	method Method
	turn   atomic.Uint64
}

// New makes a balancer.
func New(m Method) *Balancer {
	b := &Balancer{method: m}
	b.turn.Store(rand.Uint64()) // senders that start together take different turns
	return b
}

// Pick chooses one of n places, n ≥ 1, whose loads at returns, and returns its
// number. at must not be kept from returning by anything that waits for Pick.
func (b *Balancer) Pick(now time.Time, n int, at func(i int) *Load) int {
	if n == 1 {
		return 0
	}
	switch b.method {
	case RoundRobin:
		return int(b.turn.Add(1) % uint64(n))
	case Random:
		return rand.IntN(n)
	case PeakEWMA, LeastRequest:
	}
	i := rand.IntN(n)
	j := rand.IntN(n - 1)
	if j >= i {
		j++
	}
	if b.lighter(now, at(j), at(i)) {
		return j
	}
	return i
}

func (b *Balancer) lighter(now time.Time, x, y *Load) bool {
	if b.method == LeastRequest {
		return x.InFlight() < y.InFlight()
	}
	return x.Score(now) < y.Score(now)*decisive
}
