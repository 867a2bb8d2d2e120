package retry

import (
	"math/rand/v2"
	"time"
)

const (
	backoffBase = 25 * time.Millisecond
	backoffCap  = 250 * time.Millisecond
)

// Backoff is how long to wait before the n-th retry, counted from 1: a uniformly
// random part of 25 ms, 75 ms, 175 ms and then 250 ms. Full jitter keeps callers
// that failed together from coming back together.
func Backoff(n int) time.Duration {
	return time.Duration(rand.Int64N(int64(backoffBound(n))))
}

func backoffBound(n int) time.Duration {
	if n < 1 {
		n = 1
	}
	if n > 4 { // (2^4-1)·25 ms is past the cap
		return backoffCap
	}
	return min(time.Duration(1<<n-1)*backoffBase, backoffCap)
}
