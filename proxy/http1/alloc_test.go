//go:build !race

package http1

import "testing"

// The plain path allocates nothing; the race detector would.
func TestForwardAllocatesNothing(t *testing.T) {
	if got := testing.AllocsPerRun(1000, forwarding(t)); got != 0 {
		t.Errorf("%v allocations per message", got)
	}
}
