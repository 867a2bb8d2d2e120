package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/event"
	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/metrics"
	"github.com/sightline-mesh/sightline/controlplane/mirror"
	"github.com/sightline-mesh/sightline/controlplane/registry"
	"github.com/sightline-mesh/sightline/controlplane/remedy"
	"github.com/sightline-mesh/sightline/controlplane/resource"
	"github.com/sightline-mesh/sightline/controlplane/store"
	"github.com/sightline-mesh/sightline/controlplane/tap"
	"github.com/sightline-mesh/sightline/controlplane/token"
	"github.com/sightline-mesh/sightline/controlplane/traffic"
	"github.com/sightline-mesh/sightline/controlplane/trust"
)

const (
	openTimeout    = 30 * time.Second
	clusterTimeout = 10 * time.Minute          // for more than half of the members to be started
	grace          = 3 * time.Second           // for calls in flight at the end; feeds end at once
	tokenLife      = 10 * 365 * 24 * time.Hour // whoever reads the file could read the root's key as well
)

// TokenFile is the file in Config.Dir with a join token for the mesh's own parts.
const TokenFile = "system.token"

// Deps is what a control plane works with.
type Deps struct {
	Logger *slog.Logger // nil is silence
	// Listener is used instead of listening on Config.Listen, if set.
	Listener net.Listener
	// Metrics is where /metrics is answered, in the clear; nil is nowhere. It is closed
	// when Run ends.
	Metrics net.Listener
}

// ControlPlane is one control plane.
type ControlPlane struct {
	cfg   Config
	deps  Deps
	id    string // of this control plane among others
	tally *metrics.Tally
	ready chan struct{} // closed when calls are answered
}

// New checks the configuration. It starts nothing.
func New(c Config, d Deps) (*ControlPlane, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("control plane: %w", err)
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return &ControlPlane{cfg: c, deps: d, id: replicaID(c), tally: metrics.NewTally(), ready: make(chan struct{})}, nil
}

// Ready is closed when calls are answered and the token file is there.
func (c *ControlPlane) Ready() <-chan struct{} { return c.ready }

// Run serves until ctx ends, then closes the store with everything on disk. It may
// be called once.
func (c *ControlPlane) Run(ctx context.Context) error {
	if c.deps.Metrics != nil {
		defer func() { _ = c.deps.Metrics.Close() }() // which it is already if it was served
	}
	s, err := c.openStore(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to end while it started
	}
	if err != nil {
		return fmt.Errorf("control plane: %w", err)
	}
	var p *plane
	err = c.patiently(ctx, func() (err error) { p, err = c.assemble(ctx, s); return err })
	if err == nil {
		err = p.run(ctx)
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return fmt.Errorf("control plane: %w", err)
	}
	return nil
}

// patience is how long a control plane that starts waits for its store.
func (c *ControlPlane) patience() time.Duration {
	if c.cfg.EtcdMember.Name != "" {
		return clusterTimeout
	}
	return openTimeout
}

func (c *ControlPlane) openStore(ctx context.Context) (*store.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience())
	defer cancel()
	return store.Open(ctx, store.Config{
		Dir:       filepath.Join(c.cfg.Dir, "etcd"),
		Member:    c.cfg.EtcdMember,
		Endpoints: c.cfg.EtcdEndpoints,
		Access:    c.cfg.EtcdAccess,
		Observe:   c.tally.Stored,
		Logger:    c.deps.Logger,
	})
}

// plane is a control plane's parts over an open store.
type plane struct {
	*ControlPlane

	store     *store.Store
	authority *ca.Authority
	holders   *trust.Board
	leaves    *trust.Ledger
	tokens    *token.Ledger
	registry  *registry.Registry
	events    *event.Log
	resources *resource.Keeper
	traffic   *traffic.Shifter
	journal   *journal
	remedy    *remedy.Remedy
	mirror    *mirror.Mirror
	hub       *hub.Hub
	frames    *frames
	taps      *tap.Board
	passport  *passport
	replicas  *replicas
	gate      *gate
	progress  *progress
	epoch     *epoch
	leads     atomic.Bool
	reporter  reporter
	unread    unread
	audit     chan mesh.Event // told in passing, appended by record

	registered *prometheus.Registry // the figures

	namesNews     chan struct{} // capacity 1: resources may tell of other names
	authorityNews chan struct{} // capacity 1: the CA's state has changed in the store
}

func (c *ControlPlane) assemble(ctx context.Context, s *store.Store) (*plane, error) {
	p := &plane{
		ControlPlane: c,
		store:        s,
		registry:     registry.New(s, c.id, c.cfg.InstanceTTL),
		gate:         newGate(),
		progress:     newProgress(),
		events:       event.New(s, c.deps.Logger),
		mirror:       mirror.New(c.cfg.TrustDomain),
		frames:       newFrames(),
		namesNews:    make(chan struct{}, 1),
		audit:        make(chan mesh.Event, auditBuffer),
	}
	err := s.Restored(ctx)
	if err != nil {
		return nil, err
	}
	err = keepSettings(ctx, s, &c.cfg)
	if err != nil {
		return nil, err
	}
	if err := p.openAuthority(ctx); err != nil {
		return nil, err
	}
	if p.epoch, err = openEpoch(ctx, s); err != nil {
		return nil, err
	}
	p.passport = newPassport(p.authority, c.id)
	p.resources = resource.New(resource.Deps{Store: s, Events: p.events, Instances: p.instances, Logger: c.deps.Logger})
	p.traffic = traffic.New(traffic.Deps{Store: s, Resources: p.resources, Instances: p.instances})
	p.journal = &journal{store: s, verdicts: store.TableOf[mesh.Verdict](s, store.Verdicts), events: p.events}
	p.remedy, err = remedy.New(c.cfg.Remedy, remedy.Deps{
		Journal: p.journal, Instances: p.instances, Snapshots: p.snapshots, Logger: c.deps.Logger,
	})
	if err != nil {
		return nil, err
	}
	p.hub = hub.New(hub.Config{Quiet: c.cfg.Quiet, Most: c.cfg.MostQuiet}, hub.Deps{
		Load:       p.mirror.Load,
		Replaced:   p.replaced,
		Refused:    p.refused,
		TurnedAway: p.turnedAway,
		Logger:     c.deps.Logger,
	})
	p.taps = tap.New(p.hub.Tap)
	p.replicas = &replicas{
		own: c.id, store: s, table: store.TableOf[replica](s, store.Replicas),
		dial: p.passport.client, clients: map[string]*admin.Client{},
	}
	p.registered = p.figures()
	return p, nil
}

// run ends when ctx does or a part fails. The listener goes first, so that no call
// meets a part that is gone.
func (p *plane) run(ctx context.Context) error {
	listener, err := p.listen(ctx)
	if err != nil {
		return err
	}
	if err := p.patiently(ctx, func() error { return p.writeToken(ctx) }); err != nil {
		return errors.Join(err, listener.Close())
	}
	p.replicas.self = replica{Address: reached(p.cfg.Advertise, listener.Addr()), Since: time.Now().UTC()}
	defer p.replicas.close()
	parts, stop := context.WithCancel(context.WithoutCancel(ctx)) // outlive the listener
	defer stop()
	g, alive := errgroup.WithContext(parts)
	g.Go(func() error { return p.hub.Run(alive) })
	g.Go(func() error { p.lead(alive); return nil })
	g.Go(func() error { p.replicas.announce(alive); return nil })
	g.Go(func() error { p.replicas.compareClocks(alive); return nil })
	g.Go(func() error { p.attend(alive); return nil })
	g.Go(func() error { return p.record(alive) })
	g.Go(func() error { p.store.Follow(alive, followed(), p.changed); return nil })
	g.Go(func() error {
		p.store.Follow(alive, []string{store.Authority}, func(store.Batch) { signal(p.authorityNews) })
		return nil
	})
	g.Go(func() error { return p.store.AwaitSetBack(alive) }) // by the end: all begins anew from what the store holds
	g.Go(func() error { return p.keepAuthority(alive) })
	g.Go(func() error { return p.holders.Run(alive) })
	if p.deps.Metrics != nil {
		g.Go(func() error { return p.serveMetrics(alive, p.deps.Metrics) })
	}
	g.Go(func() error {
		defer stop()
		serving, end := context.WithCancel(ctx)
		defer end()
		defer context.AfterFunc(alive, end)()
		return p.serve(serving, listener)
	})
	g.Go(func() error {
		select {
		case err := <-p.store.Failed():
			return fmt.Errorf("store: %w", err)
		case <-alive.Done():
			return nil
		}
	})
	return g.Wait()
}

func (p *plane) listen(ctx context.Context) (net.Listener, error) {
	if p.deps.Listener != nil {
		return p.deps.Listener, nil
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", p.cfg.Listen)
}

// writeToken leaves the mesh's own parts a way in, for who may read the directory.
func (p *plane) writeToken(ctx context.Context) error {
	path := filepath.Join(p.cfg.Dir, TokenFile)
	if raw, err := os.ReadFile(path); err == nil {
		if t, err := token.Parse(string(raw)); err == nil && t.Root == token.Fingerprint(p.authority.Root()) {
			return nil
		}
	}
	t, err := p.tokens.Create(ctx, token.Scope{TTL: tokenLife, Namespace: mesh.SystemNamespace, By: author})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	if err := os.WriteFile(path+".new", []byte(t.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	return nil
}

// serve ends every feed with ctx, then waits a moment for other calls.
func (p *plane) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           withCaller(p.authority.Admit, p.atTheGate(p.routes())),
		TLSConfig:         p.authority.ListenerTLS("controlplane"),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second, MaxConcurrentStreams: 1000},
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(p.deps.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(l, "", "") }()
	p.deps.Logger.Info("control plane is ready", "address", l.Addr().String(), "replica", p.id, "trust domain", p.cfg.TrustDomain)
	close(p.ready)
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if stopped := <-ended; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	if err != nil {
		return fmt.Errorf("stop serving: %w", err)
	}
	return nil
}
