package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/run"
)

// Deps is what code passes.
type Deps struct {
	Logger *slog.Logger
}

// Proxy is one sidecar. Use New; run Run once.
type Proxy struct {
	// Set by New and never changed.
	c    Config
	log  *slog.Logger
	slot *slot
	l    *listeners

	ready   chan struct{} // closed once parts is set and requests can be carried
	parts   *parts        // set before ready is closed
	drain   chan struct{} // closed to drain inbound
	drained chan struct{} // closed once inbound has drained
	once    sync.Once
}

// New binds the listeners and takes the state directory; Run gives both back.
func New(ctx context.Context, c Config, d Deps) (*Proxy, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Account == "" {
		c.Account = c.Service
	}
	if c.Collector == "" {
		host, _, err := net.SplitHostPort(c.ControlPlane)
		if err != nil {
			return nil, fmt.Errorf("control-plane: %w", err)
		}
		c.Collector = net.JoinHostPort(host, "4318")
	}
	s, err := takeSlot(c)
	if err != nil {
		return nil, err
	}
	c.Dir, c.Instance = s.dir, s.instance
	l, err := bind(ctx, c, d.Logger)
	if err != nil {
		s.release()
		return nil, err
	}
	return &Proxy{
		c: c, log: d.Logger, slot: s, l: l,
		ready: make(chan struct{}), drain: make(chan struct{}), drained: make(chan struct{}),
	}, nil
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

// SetState tells the mesh whether the app takes requests. Only after Ready.
func (p *Proxy) SetState(s mesh.InstanceState) { p.parts.feed.SetState(s) }

// DrainInbound tells the mesh that no more requests shall come, finishes those under
// way within the drain time, and returns when that is done. It may be called again.
func (p *Proxy) DrainInbound() {
	p.once.Do(func() {
		p.SetState(mesh.Draining)
		close(p.drain)
	})
	<-p.drained
}

// Alone stands for an app that somebody else starts: it announces the instance once
// the app's port accepts, and drains when ctx ends.
func (p *Proxy) Alone(ctx context.Context) error {
	select {
	case <-p.ready:
	case <-ctx.Done():
		return nil
	}
	if p.c.AppPort != 0 && run.AwaitPort(ctx, p.c.AppPort) == nil {
		p.SetState(mesh.Ready)
	}
	<-ctx.Done()
	p.DrainInbound()
	return nil
}

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

func (p *Proxy) serve(ctx context.Context) error {
	// The feed and the admin page serve while the listeners drain.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	front, alive := errgroup.WithContext(ctx)
	var back errgroup.Group
	back.Go(func() error { return p.parts.source.Run(background) })
	back.Go(func() error { return p.parts.feed.Run(background) })
	back.Go(func() error { return p.parts.admin.Serve(background, p.l.admin) })
	front.Go(func() error { return p.parts.outbound.Serve(alive, p.l.outbound) })
	for port, l := range p.l.upstreams {
		front.Go(func() error { return p.parts.outbound.ServePort(alive, l, port) })
	}
	front.Go(func() error { return p.serveInbound(alive) })
	close(p.ready)
	err := front.Wait()
	p.parts.outbound.Close()
	stop()
	return errors.Join(err, back.Wait())
}

// serveInbound serves until the app is to be drained or ctx ends.
func (p *Proxy) serveInbound(ctx context.Context) error {
	defer close(p.drained)
	if p.c.AppPort == 0 {
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

// appAddress is where the app listens.
func (c Config) appAddress() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.AppPort)) }
