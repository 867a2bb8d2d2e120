// Package drive sends requests to one address from one thread and measures how long
// the answers take, for little enough CPU that it hardly disturbs what it measures.
//
// An open loop sends at a fixed rate, whatever becomes of earlier requests, and counts
// latency from when a request was due: a slow system cannot hide by slowing its
// callers. A closed loop keeps every connection busy, which finds the most that a
// system can do; its latencies say little.
package drive

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/epoll"
)

// Plan is what to send.
type Plan struct {
	Address     netip.AddrPort // of this machine
	Host        string         // what the Host header names
	Connections int
	Rate        float64 // requests per second; 0 is a closed loop
	For         time.Duration
	Body        int // bytes of each request, which the app sends back
}

// Result is what became of it. Sent = Answered + what Failures counts.
type Result struct {
	Sent     int
	Answered int            // with status 200 and the whole body
	Failures map[string]int // by reason
	Unsent   int            // due in an open loop, but no connection became free for it
	Redials  int            // connections that the other side closed between requests
	Took     time.Duration  // from the start to the last answer
	Latency  Latency        // of what was answered
}

// Failed is how many requests were not answered as they should be.
func (r Result) Failed() int {
	n := r.Unsent
	for _, f := range r.Failures {
		n += f
	}
	return n
}

// PerSecond is how many requests were answered each second.
func (r Result) PerSecond() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Answered) / r.Took.Seconds()
}

const (
	lead     = 20 * time.Millisecond // between dialling and the first request
	patience = 5 * time.Second       // for answers after the last request
	idleWait = 100 * time.Millisecond
)

// Validate names every fault at once.
func (p Plan) Validate() error {
	var bad []error
	if !p.Address.Addr().Is4() || !p.Address.Addr().IsLoopback() {
		bad = append(bad, fmt.Errorf("address %s: want an IPv4 loopback address", p.Address))
	}
	if p.Host == "" {
		bad = append(bad, errors.New("host: must be given"))
	}
	if p.Connections < 1 || p.Connections > 5000 {
		bad = append(bad, fmt.Errorf("connections %d: want 1 to 5000", p.Connections))
	}
	if p.Rate < 0 || p.Rate > 1e6 {
		bad = append(bad, fmt.Errorf("rate %v: want 0 to a million", p.Rate))
	}
	if p.For <= 0 || p.For > 10*time.Minute {
		bad = append(bad, fmt.Errorf("for %s: want above 0, at most 10 minutes", p.For))
	}
	if p.Body < 0 || p.Body > 1<<20 {
		bad = append(bad, fmt.Errorf("body of %d bytes: want 0 to 1 MiB", p.Body))
	}
	return errors.Join(bad...)
}

// Run carries the plan out. An error is one of the generator's own; what goes wrong
// with requests is in the result. When ctx ends early, Run stops with its error.
func Run(ctx context.Context, p Plan) (r Result, err error) {
	if err := p.Validate(); err != nil {
		return Result{}, fmt.Errorf("drive: %w", err)
	}
	runtime.LockOSThread() // for the sharp timers
	defer runtime.UnlockOSThread()
	if err := epoll.SharpTimers(); err != nil {
		return Result{}, fmt.Errorf("drive: %w", err)
	}
	g, err := newGenerator(p)
	if err != nil {
		return Result{}, fmt.Errorf("drive: %w", err)
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := g.run(ctx); err != nil {
		return Result{}, fmt.Errorf("drive: %w", err)
	}
	return g.result(), nil
}
