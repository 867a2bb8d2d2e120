package retry

import (
	"math/rand/v2"
	"time"
)

// backoffBase is the base of the pauses where a policy names none; the longest is
// backoffMost times the base.
const (
	backoffBase = 25 * time.Millisecond
	backoffMost = 10
)

// Pause is how long to wait before the n-th retry, counted from 1: a uniformly
// random part of 1, 3, 7 and then 10 times the base. Full jitter keeps callers that
// failed together from coming back together.
func (p Policy) Pause(n int) time.Duration {
	return time.Duration(rand.Int64N(int64(p.pauseBound(n))))
}

func (p Policy) pauseBound(n int) time.Duration {
	base := p.Backoff
	if base <= 0 {
		base = backoffBase
	}
	n = min(max(n, 1), 4) // (2^4-1) is past the most
	return time.Duration(min(1<<n-1, backoffMost)) * base
}
