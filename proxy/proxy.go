package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/handover"
	"github.com/sightline-mesh/sightline/proxy/run"
)

// Deps is what code passes.
type Deps struct {
	Logger *slog.Logger
	// Estate is what the process before left, when this one goes on in its place; else nil.
	Estate *handover.Estate
}

// Proxy is one sidecar. Use New; run Run once.
type Proxy struct {
	// Set by New and never changed.
	c    Config
	log  *slog.Logger
	slot *slot
	l    *listeners
	from *handover.Estate // nil for a sidecar that is nobody's heir

	ready   chan struct{} // closed once parts is set and requests can be carried
	parts   *parts        // set before ready is closed
	leaving chan struct{} // closed when a drain begins
	drain   chan struct{} // closed to take no more requests for the app
	drained chan struct{} // closed once inbound has drained
	once    sync.Once
	heir    atomic.Pointer[heir]

	mu    sync.Mutex // guards what follows
	state mesh.InstanceState
}

// heir passes a connection of a listener on to the process that goes on.
type heir func(c net.Conn, listener string) bool

// New binds the listeners and takes the state directory; Run gives both back.
func New(ctx context.Context, c Config, d Deps) (*Proxy, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Account == "" {
		c.Account = c.Service
	}
	if c.Collector == "" {
		host, _, err := net.SplitHostPort(c.firstControlPlane())
		if err != nil {
			return nil, fmt.Errorf("control-plane: %w", err)
		}
		c.Collector = net.JoinHostPort(host, "4318")
	}
	p := &Proxy{
		c: c, log: d.Logger, from: d.Estate, state: c.firstState(),
		ready: make(chan struct{}), leaving: make(chan struct{}), drain: make(chan struct{}), drained: make(chan struct{}),
	}
	if err := p.open(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// Ready is closed once requests can be carried.
func (p *Proxy) Ready() <-chan struct{} { return p.ready }

// Place is what the app is told of its sidecar.
func (p *Proxy) Place() run.Place {
	return run.Place{
		Service: p.c.Service, Version: p.c.Version, Instance: p.c.Instance, Outbound: p.l.outbound.Addr().String(),
	}
}

// Admin is the address of the admin page.
func (p *Proxy) Admin() net.Addr { return p.l.admin.Addr() }

// Dir is the state directory.
func (p *Proxy) Dir() string { return p.c.Dir }

// Run carries requests until ctx ends or a part fails. First in and last out: the
// outbound side serves until ctx ends, and telemetry is sent until everything else
// has ended, because draining makes the final rows.
func (p *Proxy) Run(ctx context.Context) error {
	defer p.slot.release()
	parts, err := p.assemble(ctx)
	if err != nil {
		err = errors.Join(err, p.l.close())
		if ctx.Err() != nil {
			return nil // told to end before there was anything to end
		}
		return err
	}
	p.parts = parts
	emitting, stopEmitting := context.WithCancel(context.WithoutCancel(ctx))
	var emitter errgroup.Group
	emitter.Go(func() error { return parts.emitter.Run(emitting) })
	err = p.serve(ctx)
	stopEmitting()
	return errors.Join(err, emitter.Wait())
}

// open takes the state directory and the listeners, or those of the process before.
func (p *Proxy) open(ctx context.Context) (err error) {
	if p.from == nil {
		p.slot, err = takeSlot(p.c)
	} else {
		p.state = p.from.Will.State
		p.slot, err = inheritSlot(p.c, p.from.Lock)
	}
	if err != nil {
		return err
	}
	p.c.Dir, p.c.Instance = p.slot.dir, p.slot.instance
	if p.from == nil {
		p.l, err = bind(ctx, p.c, p.log)
	} else {
		p.l, err = inherit(p.c, p.from)
	}
	if err != nil {
		p.slot.release()
	}
	return err
}

func (p *Proxy) serve(ctx context.Context) error {
	// The feed and the admin page serve while the listeners drain.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	front, alive := errgroup.WithContext(ctx)
	var back errgroup.Group
	back.Go(func() error { return p.parts.source.Run(background) })
	back.Go(func() error { return p.parts.feed.Run(background) })
	back.Go(func() error { return p.parts.guards.run(background) })
	back.Go(func() error { return p.parts.tap.Run(background, p.parts.feed.Tapped) })
	back.Go(func() error { return p.parts.checks.Run(background) })
	back.Go(func() error { return p.parts.admin.Serve(background, p.l.admin) })
	<-p.parts.feed.Restored() // else the first requests would meet a sidecar that knows nothing yet
	p.parts.tables.adopt(p.parts.feed.Services())
	front.Go(func() error { return p.parts.outbound.Serve(alive, p.l.outbound) })
	if l := p.l.outbound6; l != nil {
		front.Go(func() error { return p.parts.outbound.Serve(alive, l) })
	}
	for port, l := range p.l.upstreams {
		front.Go(func() error { return p.parts.outbound.ServePort(alive, l, port) })
	}
	front.Go(func() error { return p.serveInbound(alive) })
	if p.from != nil {
		p.goOn(alive, front)
	}
	p.askForUpstreams()
	close(p.ready)
	err := front.Wait()
	p.parts.outbound.Close()
	stop()
	return errors.Join(err, back.Wait())
}

// askForUpstreams gets the services that the app is known to call, before it calls.
func (p *Proxy) askForUpstreams() {
	for name := range p.c.Upstreams {
		if s, err := mesh.ResolveHost(name, p.c.Namespace); err == nil { // as Validate has seen
			p.parts.tables.keep(s)
		}
	}
}

// serveInbound serves until the app is to be drained or ctx ends.
func (p *Proxy) serveInbound(ctx context.Context) error {
	defer close(p.drained)
	if len(p.c.Ports) == 0 {
		select {
		case <-ctx.Done():
		case <-p.drain:
		}
		return p.l.inbound.Close()
	}
	taking, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-p.drain:
			stop()
		case <-taking.Done():
		}
	}()
	err := p.parts.inbound.Serve(taking, p.l.inbound)
	stop()
	<-over
	p.parts.inbound.Close()
	return err
}

// collectorURL is where telemetry goes; empty is nowhere.
func (c Config) collectorURL() string {
	if c.Collector == NoCollector {
		return ""
	}
	return "https://" + c.Collector
}
