package proxy

import (
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/gradient"
	"github.com/sightline-mesh/sightline/proxy/inflight"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

// inFlight compiles the bounds on what there is at once: all of them count the same, so
// the lowest of each sort holds. What was found out of the app is kept.
func inFlight(next *serve.Guard, in *mesh.Inbound, was *serve.Guard) error {
	for i := range in.InFlight {
		f := &in.InFlight[i]
		lower(next, f)
		if f.Adaptive == nil || next.Adaptive != nil {
			continue
		}
		a, err := adaptive(f, was.Adaptive)
		if err != nil {
			return fmt.Errorf("in flight %s: %w", f.Name, err)
		}
		next.Adaptive = a
	}
	return nil
}

// lower makes the bounds those of f, where they are lower.
func lower(g *serve.Guard, f *mesh.InFlight) {
	if below(f.Connections, g.Connections) {
		g.Connections = f.Connections
	}
	b := serve.InFlight{}
	if g.InFlight != nil {
		b = *g.InFlight
	}
	if f.Requests > 0 && (b.All == nil || f.Requests < b.All.Limit()) {
		b.All, b.Name = inflight.Fixed(f.Requests), f.Name
	}
	if below(f.PerCaller, b.PerCaller) {
		b.PerCaller, b.PerCallerName = f.PerCaller, f.Name
	}
	if b != (serve.InFlight{}) {
		g.InFlight = &b
	}
}

// below compares bounds, of which 0 is none.
func below(a, b int) bool { return a > 0 && (b == 0 || a < b) }

func adaptive(f *mesh.InFlight, was *serve.Adaptive) (*serve.Adaptive, error) {
	a := f.Adaptive
	cfg := gradient.Config{
		Percentile: a.Percentile, Most: a.MaxRequests, Window: a.Interval,
		Least: gradient.LeastLatency{
			Fixed: a.MinRTT.Fixed, Interval: a.MinRTT.Interval, Requests: a.MinRTT.Requests, Concurrency: a.MinRTT.Concurrency,
			Jitter: a.MinRTT.Jitter, Buffer: a.MinRTT.Buffer,
		},
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("adaptive: %w", err)
	}
	if was != nil && was.Control.Config() == cfg {
		return &serve.Adaptive{Name: f.Name, Control: was.Control}, nil
	}
	return &serve.Adaptive{Name: f.Name, Control: gradient.New(cfg, nil)}, nil
}
