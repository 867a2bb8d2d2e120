package main

import (
	"context"
	"math/rand/v2"
	"sort"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/traffic"
	"github.com/sightline-mesh/sightline/proxy/emit"
)

const (
	tick    = 10 * time.Millisecond
	keptIDs = 100_000
	settled = 10 * time.Second // after which a request's spans are expected to be found
)

// life has requests at a steady rate, and knows which there were.
type life struct {
	options

	mesh *traffic.Mesh

	mu     sync.Mutex // guards what follows
	recent []told
}

// told is a request that has been told of.
type told struct {
	id emit.TraceID
	at time.Time
}

// run tells of requests until ctx ends, and then until the collector has taken all.
func (l *life) run(ctx context.Context) {
	var sidecars sync.WaitGroup
	sidecars.Go(func() { l.mesh.Run(ctx) })
	clock := time.NewTicker(tick)
	defer clock.Stop()
	begun, sent := time.Now(), 0
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-clock.C:
			due := int(time.Since(begun).Seconds() * float64(l.rate) / traffic.SpansOfRequest)
			for ; sent < due && ctx.Err() == nil; sent++ {
				now := time.Now()
				l.keep(told{l.mesh.Request(now), now})
			}
		}
	}
	sidecars.Wait()
}

func (l *life) keep(one told) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent = append(l.recent, one)
	l.recent = l.recent[max(0, len(l.recent)-keptIDs):]
}

// known is a request that is not of the last seconds, if there is one.
func (l *life) known(r *rand.Rand) (told, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := sort.Search(len(l.recent), func(i int) bool { return time.Since(l.recent[i].at) < settled })
	if old == 0 {
		return told{}, false
	}
	return l.recent[r.IntN(old)], true
}
