package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/sightline-mesh/sightline/proxy/cores"
)

// mostCPUs a sidecar uses unless GOMAXPROCS says otherwise: it stands beside an app that
// the machine is for.
const mostCPUs = 2

// garbage is how much of it may come together until it is collected, in percent of what
// lives, unless GOGC says otherwise. Requests leave next to none, so that memory is what
// this decides on: a collection is some 3 ms, and a sidecar with 10,000 requests a second
// makes one in two seconds.
const garbage = 50

// sparing makes the runtime take little of the machine, until stop is called.
func sparing(c command, log *slog.Logger) (stop func()) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if !c.config.Profiles {
		runtime.MemProfileRate = 0 // nobody can ask for it
	}
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() {
		if err := cores.Follow(ctx, min(runtime.GOMAXPROCS(0), mostCPUs)); err != nil {
			log.Warn("CPUs are not given back", "reason", err)
		}
	})
	return func() {
		cancel()
		following.Wait()
	}
}
