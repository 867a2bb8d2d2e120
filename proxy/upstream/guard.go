package upstream

import "sync"

// maxTripped is the share of a service's instances, in percent, that breakers of
// this sidecar may take out.
const maxTripped = 50

// guard keeps breakers from taking out too much of one service. Where much of it
// fails, the fault is unlikely to be an instance's, and what remains would drown.
type guard struct {
	mu      sync.Mutex
	total   int // instances that could have traffic
	tripped map[*Instance]bool
}

func newGuard() *guard { return &guard{tripped: make(map[*Instance]bool)} }

// allow lets i's breaker trip if enough others stay: at least one, always.
func (g *guard) allow(i *Instance) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.tripped[i] && len(g.tripped) >= g.limit() {
		return false
	}
	g.tripped[i] = true
	return true
}

// limit is how many may be tripped: the share, but one of two or more in any case.
func (g *guard) limit() int {
	return min(max(g.total*maxTripped/100, 1), g.total-1)
}

func (g *guard) release(i *Instance) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tripped, i)
}

func (g *guard) set(total int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total = total
}
