package tap

import (
	"sync"
	"time"
)

// rate lets so many through per second, over all sidecars of a tap.
type rate struct {
	perSecond float64

	mu   sync.Mutex
	left float64
	at   time.Time
}

func newRate(perSecond uint32) *rate {
	return &rate{perSecond: float64(perSecond), left: float64(perSecond), at: time.Now()}
}

func (r *rate) take() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.left = min(r.perSecond, r.left+r.perSecond*now.Sub(r.at).Seconds())
	r.at = now
	if r.left < 1 {
		return false
	}
	r.left--
	return true
}
