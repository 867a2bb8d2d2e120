package demo

import (
	"context"
	"maps"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/loadtest/load"
)

// settleWithin is how long telemetry may take from the last request to the store, and that
// to answer after the load.
const settleWithin = time.Minute

// report gathers what the load, the sidecars and the mesh's API know.
func (p *play) report(ctx context.Context, l load.Report) (Report, error) {
	r := Report{
		Requests: l.Requests, Failed: l.Failed, Skipped: l.Skipped, URL: p.c.URL,
		FailedBy: FailedBy{
			App: l.Failed - min(l.Mesh(), l.Failed), Mesh: l.Mesh(),
			Reasons: l.ByMesh, Transport: l.ByFailure,
		},
		LatencyMS: Latency{P50: round(l.Durations.Quantile(0.5)), P99: round(l.Durations.Quantile(0.99))},
		Faults:    []FaultReport{},
		Memory:    p.memory(),
	}
	if err := p.settle(ctx, &r); err != nil {
		return r, err
	}
	if err := patiently(ctx, func() error { return p.look(ctx, &r) }); err != nil {
		return r, err
	}
	var events []mesh.Event
	err := patiently(ctx, func() (err error) { events, err = p.view.events(ctx); return err })
	if err != nil {
		return r, err
	}
	for _, i := range p.injections {
		story := i.story(events)
		story.FailedRequests = l.FailedBetween(i.injected, i.ended.Add(time.Second))
		r.Faults = append(r.Faults, story)
	}
	r.False = falseTrips(events, p.injections)
	return r, nil
}

// patiently asks again where an answer fails: on a machine that was loaded to the full, the
// store may have much to do when the load ends.
func patiently(ctx context.Context, ask func() error) error {
	for deadline := time.Now().Add(settleWithin); ; {
		err := ask()
		if err == nil || time.Now().After(deadline) || !pause(ctx, 500*time.Millisecond) {
			return err
		}
	}
}

// settle waits until everything that sidecars sent is stored or counted as dropped.
func (p *play) settle(ctx context.Context, r *Report) error {
	deadline := time.Now().Add(settleWithin)
	for {
		if err := p.flows(ctx, r); err != nil {
			return err
		}
		whole := r.Spans.Sent <= r.Spans.Stored+r.Spans.Dropped && r.Logs.Sent <= r.Logs.Stored+r.Logs.Dropped
		if whole || time.Now().After(deadline) || !pause(ctx, 500*time.Millisecond) {
			return nil
		}
	}
}

func (p *play) flows(ctx context.Context, r *Report) error {
	var all []map[string]float64
	for _, a := range p.actors {
		f, err := a.figures(ctx)
		if err != nil {
			return err
		}
		all = append(all, f)
	}
	stored, err := p.view.pipeline(ctx)
	if err != nil {
		return err
	}
	r.Spans, r.Logs = told(all, "traces"), told(all, "logs")
	for signal, flow := range map[string]*Flow{"traces": &r.Spans, "logs": &r.Logs} {
		flow.Stored = stored[signal].Stored
		for n := range maps.Values(stored[signal].Dropped) {
			flow.Dropped += n
		}
	}
	return nil
}

// look reads the graph: how much of the shop is in it, and how much of it was mTLS.
func (p *play) look(ctx context.Context, r *Report) error {
	window := 5 * time.Minute
	if p.c.For > 0 {
		window = p.c.For + 2*settleWithin
	}
	g, err := p.view.graph(ctx, window.String())
	if err != nil {
		return err
	}
	proxies, err := p.view.proxies(ctx)
	if err != nil {
		return err
	}
	r.Proxies, r.Edges = len(proxies), len(g.Edges)
	for _, n := range g.Nodes {
		if n.ID != loadService {
			r.Services++
		}
	}
	var all, secure float64
	for _, e := range g.Edges {
		all += float64(e.Requests)
		secure += e.MTLSShare * float64(e.Requests)
	}
	if all > 0 {
		r.MTLSShare = secure / all
	}
	return nil
}

func (p *play) memory() map[string]int64 {
	out := map[string]int64{}
	for _, a := range p.actors {
		out["proxy "+a.name()] = resident(a.child.PID())
	}
	if p.c.Memory != nil {
		for name, pid := range p.c.Memory() {
			out[name] = resident(pid)
		}
	}
	return out
}

func round(ms float64) float64 { return float64(int64(ms*100+0.5)) / 100 }
