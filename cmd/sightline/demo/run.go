package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/load"
)

// Config is one demo.
type Config struct {
	Dir          string // for state, certificates and logs of the workloads
	Proxy, Shop  string // programs
	ControlPlane string // host:port
	Collector    string // host:port of OTLP/HTTP
	Token        string // join token that all workloads use
	Rate         float64
	For          time.Duration // of the load; 0 is until the context ends
	Faults       []Fault
	URL          string    // of the web app, for the report
	Progress     io.Writer // what is going on, for people
	// Memory, if set, reports further processes by name for the report's memory.
	Memory func() map[string]int
}

// Run starts the shop, loads it, breaks what the faults say, and reports. When ctx
// ends the demo ends, and so it does when a workload gives up as soon as it is started:
// every process it started is gone when Run returns.
func Run(ctx context.Context, c Config, api API) (Report, error) {
	actors, err := cast(ctx)
	if err != nil {
		return Report{}, err
	}
	if err := writeCast(c.Dir, actors); err != nil {
		return Report{}, err
	}
	// The shop outlives the load, so that the last requests are finished and counted.
	playing, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	wait, err := stage(playing, stop, c, actors)
	if err != nil {
		return Report{}, err
	}
	p := &play{c: c, actors: actors, view: view{api}}
	report, err := p.run(ctx)
	end()
	if gaveUp := wait(); gaveUp != nil {
		return report, gaveUp // and err is what came of that
	}
	return report, err
}

// play is one demo under way.
type play struct {
	c      Config
	actors []*actor
	view   view

	mu         sync.Mutex
	injections []injection
}

func (p *play) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.c.Progress, format+"\n", args...)
}

func (p *play) run(ctx context.Context) (Report, error) {
	if err := p.ready(ctx); err != nil {
		return Report{}, err
	}
	g, err := load.New(load.Config{Rate: p.c.Rate, Targets: journey()}, p.loadClient())
	if err != nil {
		return Report{}, fmt.Errorf("make load: %w", err)
	}
	p.say("load: %.0f requests/s", p.c.Rate)
	loading, stop := context.WithCancel(ctx)
	if p.c.For > 0 {
		loading, stop = context.WithTimeout(ctx, p.c.For)
	}
	defer stop()
	var faults sync.WaitGroup
	for _, f := range p.c.Faults {
		faults.Go(func() { p.inject(loading, f) })
	}
	g.Run(loading)
	faults.Wait()
	if ctx.Err() != nil && p.c.For == 0 {
		ctx = context.WithoutCancel(ctx) // Ctrl-C ends an open-ended demo; its report is still wanted
	}
	return p.report(ctx, g.Report())
}

// loadClient sends through the load's own sidecar, as a program with http_proxy does.
func (p *play) loadClient() *http.Client {
	through := &url.URL{Scheme: "http", Host: p.actors[len(p.actors)-1].outbound}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = http.ProxyURL(through)
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	return &http.Client{Transport: t}
}

// journey is what the shop's visitors do.
func journey() []load.Target {
	return []load.Target{
		{Method: http.MethodGet, URL: "http://gateway/product/2", Share: 4},
		{Method: http.MethodGet, URL: "http://gateway/", Share: 3},
		{Method: http.MethodPost, URL: "http://gateway/checkout", Body: `{"user":"7"}`, Share: 2},
		{Method: http.MethodGet, URL: "http://gateway/cart", Share: 1},
	}
}

// inject runs one fault: at its time, for its time, or until ctx ends.
func (p *play) inject(ctx context.Context, f Fault) {
	if !pause(ctx, f.At) {
		return
	}
	p.behave(ctx, f, f.behaviour())
	i := injection{fault: f, injected: time.Now()}
	p.say("fault: %s on %s for %s", f.Kind, f.Target, f.For)
	pause(ctx, f.For)
	p.behave(context.WithoutCancel(ctx), f, struct{}{})
	i.ended = time.Now()
	p.say("fault: over")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.injections = append(p.injections, i)
}

func (p *play) behave(ctx context.Context, f Fault, behaviour any) {
	for _, m := range f.members() {
		for _, a := range p.actors {
			if a.member != m {
				continue
			}
			if err := a.misbehave(ctx, behaviour); err != nil {
				p.say("%v", err)
			}
		}
	}
}

// pause waits, and reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
