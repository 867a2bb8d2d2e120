// Package apitest is a made-up mesh for tests and for work on the web app: the
// services of the demo shop with traffic, traces, a version that goes bad and the loop
// that notices. Nothing in it is measured; no program that people run links it.
package apitest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/api"
)

// ErrNotFound is what the shop answers for what it does not have.
var ErrNotFound = errors.New("not found")

// ErrRefused is what the shop answers to a change that makes no sense.
var ErrRefused = errors.New("refused")

// ErrConflict is what the shop answers to who would overwrite what somebody else did.
var ErrConflict = errors.New("changed meanwhile")

// Shop is the made-up mesh. It is safe for concurrent use.
type Shop struct {
	now     func() time.Time
	started time.Time
	silent  bool // no traffic at all

	mu       sync.Mutex // guards what follows
	weights  map[mesh.ServiceName][]map[mesh.Version]uint32
	events   []mesh.Event // oldest first
	verdicts []mesh.Verdict
	faulty   bool // payments v2 fails
	stored   []mesh.Resource
	changes  []mesh.Change // of stored, oldest first
	revoked  []mesh.Revocation
}

// New makes a shop that has been open for an hour at the time now tells.
func New(now func() time.Time) *Shop {
	s := &Shop{now: now, started: now().Add(-time.Hour), weights: map[mesh.ServiceName][]map[mesh.Version]uint32{
		"reviews":  {{"v1": 80, "v2": 20, "v3": 0}},
		"payments": {{"v1": 90, "v2": 10}},
	}}
	s.history()
	s.configure()
	return s
}

// Silent makes a mesh in which nothing happens.
func Silent(now func() time.Time) *Shop {
	return &Shop{now: now, started: now(), silent: true, weights: map[mesh.ServiceName][]map[mesh.Version]uint32{}}
}

// Deps is the shop as the API sees it. Sessions, App and Logger are left to the caller.
func (s *Shop) Deps() api.Deps {
	return api.Deps{
		Graphs: s, Traces: s, SpanSets: s, Logs: s, Completion: s, Series: s, Traffic: s, Breakers: s, Config: s, Proxies: s, Identity: s, Propagation: s.Propagation, Replicas: s.Replicas, Discard: s.Discard,
		Events: s.Events, UndoTraffic: s.UndoTraffic, DeleteConfig: s.Delete, History: s.Changes, Change: s.Change, Restore: s.Restore,
		Trip: s.Trip, Release: s.Release, Hold: s.Hold, CreateToken: s.CreateToken, Replay: s.Replay,
		SLOs: s.SLOs, Alerts: s.Alerts, Accounting: s.Accounting, Tenants: s.Tenants, Store: s.StoreState, Now: s.now,
		Status: func(err error) int {
			switch {
			case errors.Is(err, errFilter):
				return 400
			case errors.Is(err, ErrNotFound):
				return 404
			case errors.Is(err, ErrRefused):
				return 422
			case errors.Is(err, ErrConflict):
				return 409
			}
			return 0
		},
	}
}

// Run plays the closed loop every two minutes: payments v2 goes bad, is tripped,
// probed and released.
func (s *Shop) Run(ctx context.Context) error {
	if s.silent {
		<-ctx.Done()
		return nil
	}
	for {
		for _, step := range []struct {
			after time.Duration
			do    func()
		}{{10 * time.Second, s.breakPayments}, {3 * time.Second, s.tripPayments}, {40 * time.Second, s.probePayments}, {15 * time.Second, s.healPayments}, {50 * time.Second, func() {}}} {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(step.after):
				step.do()
			}
		}
	}
}

// call is one edge of the shop and how busy it is.
type call struct {
	from, to string
	rps, ms  float64
	protocol string
	errors   float64
}

// calls is the shop's traffic at its usual rate.
func calls() []call {
	return []call{
		{"outside", "gateway", 212, 46, "http/1.1", 0.0004},
		{"gateway", "catalog", 148, 8.2, "http/1.1", 0},
		{"gateway", "cart", 41, 11, "http/1.1", 0},
		{"gateway", "checkout", 14.6, 88, "http/1.1", 0.001},
		{"gateway", "users", 62, 4.1, "http/1.1", 0},
		{"gateway", "recommendations", 96, 24, "http/1.1", 0.0002},
		{"catalog", "reviews", 104, 14, "http/1.1", 0},
		{"reviews", "ratings", 31, 3.4, "grpc", 0},
		{"recommendations", "catalog", 96, 7.9, "http/1.1", 0},
		{"cart", "catalog", 22, 7.7, "http/1.1", 0},
		{"checkout", "cart", 14.6, 9.8, "http/1.1", 0},
		{"checkout", "payments", 14.5, 52, "http/1.1", 0.002},
		{"checkout", "shipping", 14.1, 17, "http/1.1", 0},
		{"shipping", "users", 14.1, 4.4, "http/1.1", 0},
	}
}

func versionsOf(service string) []mesh.Version {
	switch service {
	case "payments":
		return []mesh.Version{"v1", "v2"}
	case "reviews":
		return []mesh.Version{"v1", "v2", "v3"}
	}
	return []mesh.Version{"v1"}
}

// wobble is a number near 1 that changes smoothly with time.
func wobble(at time.Time, seed string) float64 {
	var h float64
	for _, c := range seed {
		h = h*1.7 + float64(c)
	}
	t := float64(at.UnixMilli()) / 1000
	return 1 + 0.06*math.Sin(t/7+h) + 0.03*math.Sin(t/2.3+2*h)
}

// Series is a service's rates over time.
func (s *Shop) Series(_ context.Context, service string, w signal.Window, step time.Duration) ([]signal.Point, error) {
	var points []signal.Point
	for at := w.Start.Truncate(step); at.Before(w.End); at = at.Add(step) {
		p := signal.Point{Time: at}
		for _, c := range calls() {
			if c.to == service && !s.silent && at.After(s.started) {
				rps := c.rps * wobble(at, c.from+c.to)
				ms := c.ms * wobble(at, c.to+c.from)
				p.Requests += rps
				p.Failed += rps * c.errors
				p.P50, p.P95, p.P99 = max(p.P50, ms), max(p.P95, ms*2.4), max(p.P99, ms*4.1*wobble(at, "tail"+c.to))
			}
		}
		if service == "payments" {
			p.Failed += p.Requests * s.faultAt(at) * 0.1
		}
		points = append(points, p)
	}
	return points, nil
}

// faultAt is the failed share of payments v2 at a time.
func (s *Shop) faultAt(at time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faulty && s.now().Sub(at) < 15*time.Second {
		return 0.62
	}
	ago := at.Sub(s.started)
	if ago > 48*time.Minute && ago < 48*time.Minute+30*time.Second {
		return 0.55
	}
	return 0
}

// random is a source of its own for each n, so that the same trace is always the same.
func random(n int64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(n), 0x5191))
}
