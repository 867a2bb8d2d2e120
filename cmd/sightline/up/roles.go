package up

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/collector"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/jaeger"
	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/promql"
	"github.com/sightline-mesh/sightline/collector/remote"
	"github.com/sightline-mesh/sightline/collector/rules"
	"github.com/sightline-mesh/sightline/collector/tempo"
	"github.com/sightline-mesh/sightline/collector/zipkin"
	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology"
	"github.com/sightline-mesh/sightline/ui"
	"github.com/sightline-mesh/sightline/ui/api"
)

// roles are the parts of the mesh that live in this process.
type roles struct {
	source    *identity.Source
	plane     *admin.Client
	collector *collector.Collector
	store     *clickhouse.Store
	place     string // the store's, for people
	topology  *topology.Topology
	rules     *rules.Rules
	written   *remote.Writer
	ui        *ui.UI
	jaeger    *jaeger.Server

	self   string      // names this process among others
	speaks atomic.Bool // what rules find is stored and told
}

// roles assembles this process's parts and runs them until ctx ends.
func (m *Mesh) roles(ctx context.Context) error {
	collector.SpareMemory()
	r, err := m.assemble(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to end while it started
		}
		return err
	}
	defer func() { _ = r.store.Close() }()
	m.mu.Lock()
	m.ui = r.ui
	m.mu.Unlock()
	g, alive := errgroup.WithContext(ctx)
	g.Go(func() error { return r.source.Run(alive) })
	g.Go(func() error { return r.collector.Run(alive) })
	g.Go(func() error { return r.onceStored(alive, r.topology.Run) })
	g.Go(func() error { return r.onceStored(alive, r.rules.Run) })
	g.Go(func() error { return m.objectives(alive, r) })
	g.Go(func() error { return m.speak(alive, r) })
	g.Go(func() error { return r.ui.Run(alive) })
	g.Go(func() error { return m.serveJaeger(alive, r) })
	g.Go(func() error { return m.announce(alive, r) })
	return g.Wait()
}

// onceStored runs what reads the store when there are tables to read: that there are none
// at a first start is no fault to warn of.
func (r *roles) onceStored(ctx context.Context, run func(context.Context) error) error {
	select {
	case <-r.collector.Stored():
		return run(ctx)
	case <-ctx.Done():
		return nil
	}
}

// announce says that the mesh is ready once telemetry is taken and the store answers: only then is
// everything that is shown true.
func (m *Mesh) announce(ctx context.Context, r *roles) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	m.lack(r.place + ": it has not answered yet")
	for err := r.check(ctx); err != nil; err = r.check(ctx) {
		m.lack(err.Error())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
	close(m.ready)
	return nil
}

func (m *Mesh) assemble(ctx context.Context) (*roles, error) {
	source, err := m.enrol(ctx)
	if err != nil {
		return nil, err
	}
	r := &roles{source: source, place: m.place(), self: rand.Text()}
	address := local(m.c.ControlPlaneListen)
	r.plane = admin.NewClient(address, source.ClientTLS(source.ControlPlane(), "h2", "http/1.1"))
	var most limits.Config
	if m.c.LimitsFile != "" {
		if most, err = limits.Read(m.c.LimitsFile); err != nil {
			return nil, err
		}
	}
	tiers := m.c.tiers()
	r.collector, err = collector.New(collector.Config{
		Dir: filepath.Join(m.c.Dir, "collector"), Store: m.dsn,
		GRPC: m.c.OTLPGRPCListen, HTTP: m.c.OTLPHTTPListen, StoreLimit: m.c.StoreLimit,
		StoragePolicy: tiers.Policy, ColdAfter: tiers.After, ColdLimit: m.c.ColdLimit,
		TraceBudget: m.c.TraceBudget, DecisionWait: m.c.DecisionWait,
		Zipkin: m.c.ZipkinListen, JaegerGRPC: m.c.JaegerGRPCListen, JaegerHTTP: m.c.JaegerHTTPListen, Limits: most,
	}, collector.Deps{ServerTLS: source.ServerTLS, Namespace: provedNamespace, Watch: source.Watch, Logger: m.c.Logger})
	if err != nil {
		return nil, err
	}
	if r.store, err = clickhouse.Open(ctx, clickhouse.Config{DSN: m.dsn}); err != nil {
		return nil, err
	}
	r.topology = m.watch(r)
	r.jaeger = jaeger.New(jaeger.Deps{Finder: r.store, Names: r.store, Callers: r.store, Logger: m.c.Logger})
	engine := promql.New(promql.Config{Logger: m.c.Logger}, r.store)
	r.written = remote.NewWriter(r.store, r.collector.Admission(), m.c.Logger)
	if r.rules, err = m.newRules(engine, r); err != nil {
		return nil, errors.Join(err, r.store.Close())
	}
	if r.ui, err = m.newUI(ctx, r, engine); err != nil {
		return nil, errors.Join(err, r.store.Close())
	}
	return r, nil
}

// provedNamespace is the namespace of the identity in a client's certificate.
func provedNamespace(cs tls.ConnectionState) string {
	if len(cs.PeerCertificates) == 0 || len(cs.PeerCertificates[0].URIs) == 0 {
		return ""
	}
	return identity.Namespace(mesh.Identity(cs.PeerCertificates[0].URIs[0].String()))
}

func (m *Mesh) newUI(ctx context.Context, r *roles, engine *promql.Engine) (*ui.UI, error) {
	d := api.Deps{
		Graphs: r.topology,
		Traces: r.store, SpanSets: r.store, Logs: r.store, Completion: r.store, Series: r.store,
		Accounting:  r.collector.Accounting,
		Store:       r.collector.StoreState,
		Tenants:     r.collector.Tenants,
		LeftOut:     r.collector.LeftOut,
		Ready:       r.check,
		Prometheus:  http.StripPrefix("/prometheus/api/v1", m.prometheus(engine, r.rules)),
		RemoteWrite: r.written,
		Jaeger:      http.StripPrefix("/jaeger", r.jaeger.Handler()),
		Tempo:       http.StripPrefix("/tempo", m.tempo(r).Handler()),
		Zipkin: http.StripPrefix("/zipkin", zipkin.New(zipkin.Deps{
			Finder: r.store, Names: r.store, Callers: r.store, Attributes: r.store, Logger: m.c.Logger,
		}).Handler()),
		Metrics: newMetrics(r),
		SLOs:    r.rules.SLOs,
		Alerts:  r.rules.Alerts,
		Status:  status,
		Logger:  m.c.Logger,
	}
	acts(&d, r.plane)
	d.Replay = (&replays{plane: r.plane, store: r.store}).run
	return ui.New(ctx, ui.Config{Listen: m.c.Listen, Dir: filepath.Join(m.c.Dir, "ui")}, d)
}

func (m *Mesh) tempo(r *roles) *tempo.Server {
	return tempo.New(tempo.Deps{Finder: r.store, Attributes: r.store, Ready: r.check, Logger: m.c.Logger})
}

// prometheus is Prometheus' API but for writing.
func (m *Mesh) prometheus(e *promql.Engine, r *rules.Rules) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", e.Handler(r))
	mux.Handle("/read", remote.NewReader(e.Queryable(), m.c.Logger))
	return mux
}

// check says what of the mesh does not answer.
func (r *roles) check(ctx context.Context) error {
	select {
	case <-r.collector.Ready():
	default:
		return errors.New("the collector: it is starting")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := r.store.Ping(ctx); err != nil {
		return fmt.Errorf("%s: %w", r.place, err)
	}
	select {
	case <-r.collector.Stored():
	default:
		return fmt.Errorf("%s: its tables are not there yet", r.place)
	}
	if _, err := r.plane.Verdicts(ctx); err != nil {
		return fmt.Errorf("the control plane: %w", err)
	}
	return nil
}
