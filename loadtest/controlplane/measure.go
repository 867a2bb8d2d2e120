package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// row is what was measured with one number of sidecars.
type row struct {
	services, sidecars int
	each               int           // services that a sidecar subscribes to
	joined             time.Duration // processor time of one more sidecar, enrolled and fed
	idle, busy         float64       // processors used
	rss                int64         // bytes, at the end
	changes            int
	p50, p99, slowest  time.Duration
	late               int // changes that did not reach all in time
}

func (f *rig) measureAll(ctx context.Context, log io.Writer) ([]row, error) {
	var rows []row
	for i, n := range f.sizes {
		r, err := f.measure(ctx, n, i == len(f.sizes)-1)
		if err != nil {
			return rows, fmt.Errorf("%d sidecars: %w", n, err)
		}
		fmt.Fprintf(log, "%+v\n", r)
		rows = append(rows, r)
	}
	return rows, nil
}

// measure grows the mesh, rests, then changes.
func (f *rig) measure(ctx context.Context, n int, last bool) (row, error) { //nolint:revive // the last is the one that is profiled
	r := row{services: f.services, sidecars: n, each: f.each}
	more := n - len(f.fleet)
	spent, err := f.spending(func() error { return f.grow(ctx, n) })
	if err != nil {
		return r, err
	}
	r.joined = spent.cpu / time.Duration(max(more, 1))
	spent, err = f.spending(func() error { return rest(ctx, f.idle) })
	if err != nil {
		return r, err
	}
	r.idle = spent.processors()
	profiled := make(chan error, 1)
	if last && f.profile != "" {
		go func() { profiled <- f.takeProfile(ctx) }()
	} else {
		profiled <- nil
	}
	var took []time.Duration
	spent, err = f.spending(func() error {
		var err error
		took, r.late, err = f.change(ctx)
		return err
	})
	if err != nil {
		return r, err
	}
	r.busy = spent.processors()
	r.changes = len(took) + r.late
	if len(took) > 0 {
		slices.Sort(took)
		r.p50, r.p99, r.slowest = took[len(took)/2], took[min(len(took)*99/100, len(took)-1)], took[len(took)-1]
	}
	memory, err := proc.System().Memory(f.process.PID())
	if err != nil {
		return r, err
	}
	r.rss = memory.RSS
	return r, <-profiled
}

type spent struct{ cpu, wall time.Duration }

func (s spent) processors() float64 { return s.cpu.Seconds() / s.wall.Seconds() }

// spending is the control plane's processor time while do runs.
func (f *rig) spending(do func() error) (spent, error) {
	before, err := proc.System().CPU(f.process.PID())
	if err != nil {
		return spent{}, err
	}
	began := time.Now()
	if err := do(); err != nil {
		return spent{}, err
	}
	wall := time.Since(began)
	after, err := proc.System().CPU(f.process.PID())
	return spent{after - before, wall}, err
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settled is how long a change may take before it counts as late.
const settled = 10 * time.Second

// change makes the changes at their pace, whether or not those before have arrived.
func (f *rig) change(ctx context.Context) (took []time.Duration, late int, err error) {
	subscribers := map[mesh.ServiceName]int{}
	for _, s := range f.fleet {
		for _, w := range s.wants {
			subscribers[w]++
		}
	}
	var open []*probe
	pace := time.NewTicker(f.every)
	defer pace.Stop()
	step := max(1, len(f.fleet)/7)
	for n := range f.changes {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
		s := f.fleet[(n*step+n/7)%len(f.fleet)]
		if subscribers[s.of] == 0 {
			continue
		}
		if s.state == mesh.Ready {
			s.state = mesh.Draining
		} else {
			s.state = mesh.Ready
		}
		open = append(open, f.watch.open(s, s.state, subscribers[s.of]))
		s.client.SetState(s.state)
	}
	deadline := time.After(settled)
	for _, p := range open {
		select {
		case <-p.done:
			took = append(took, p.took)
		case <-deadline:
			late++
			deadline = time.After(0)
		}
		f.watch.shut(p)
	}
	return took, late, nil
}

// takeProfile is the control plane's, over the time of the changes.
func (f *rig) takeProfile(ctx context.Context) error {
	seconds := max(1, int((time.Duration(f.changes) * f.every).Seconds()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", f.pprof, seconds), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := os.Create(f.profile)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if _, err := io.Copy(out, res.Body); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return out.Close()
}

func table(rows []row) string {
	var b strings.Builder
	b.WriteString("| services | sidecars | subscriptions of each | CPU of a join | CPUs at rest | CPUs with changes | RSS | changes | p50 | p99 | slowest | late |\n")
	b.WriteString("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %d | %d | %d | %.1f ms | %.2f | %.2f | %d MiB | %d | %.0f ms | %.0f ms | %.0f ms | %d |\n",
			r.services, r.sidecars, r.each, r.joined.Seconds()*1e3, r.idle, r.busy, r.rss>>20,
			r.changes, r.p50.Seconds()*1e3, r.p99.Seconds()*1e3, r.slowest.Seconds()*1e3, r.late)
	}
	return b.String()
}
