// Package cores lets a process run on as many CPUs as it has work for and no more. A
// sidecar at a moderate rate wakes up for each message; every further thread that may run
// Go code then looks for work, finds none and sleeps again, which costs more than the
// message does.
package cores

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"
)

const (
	// every is how often the process looks at what it used.
	every = 250 * time.Millisecond
	// busy is the share of its CPUs above which it takes another at once.
	busy = 0.75
	// spare is the share of one CPU less below which that would do.
	spare = 0.5
	// patience is for how long it must have done until a CPU is given back.
	patience = 5 * time.Second
)

// Follow sets GOMAXPROCS between 1 and most by what the process uses, until ctx ends or the
// system does not tell what is used, which is an error. It leaves GOMAXPROCS at most.
// Where that is 1 it returns at once.
func Follow(ctx context.Context, most int) error {
	defer runtime.GOMAXPROCS(most)
	if most <= 1 {
		return nil
	}
	g := governor{most: most, now: 1}
	runtime.GOMAXPROCS(g.now)
	tick := time.NewTicker(every)
	defer tick.Stop()
	before, err := used()
	for at := time.Now(); err == nil; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var sum time.Duration
		if sum, err = used(); err != nil {
			break
		}
		had, now := g.now, time.Now()
		if g.next(sum-before, now.Sub(at)) != had {
			runtime.GOMAXPROCS(g.now)
		}
		before, at = sum, now
	}
	return err
}

// used is the CPU time that the process has used.
func used() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read used CPU time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// governor decides. It is one goroutine's.
type governor struct {
	most, now int
	enough    time.Duration // for how long one CPU less would have done
}

// next is how many CPUs there should be after a time in which so much of them was used.
func (g *governor) next(used, elapsed time.Duration) int {
	share := float64(used) / float64(elapsed)
	switch {
	case share >= busy*float64(g.now):
		g.enough = 0
		g.now = min(g.now+1, g.most)
	case share > spare*float64(g.now-1):
		g.enough = 0
	default:
		if g.enough += elapsed; g.enough >= patience {
			g.enough = 0
			g.now = max(g.now-1, 1)
		}
	}
	return g.now
}
