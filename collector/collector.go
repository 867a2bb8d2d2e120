// Package collector receives the mesh's telemetry and stores it. It takes OTLP over
// gRPC and HTTP, and where asked to Zipkin's and Jaeger's spans, from sidecars over mutual
// TLS and from apps on the same machine in plaintext, keeps it on disk until the store has acknowledged it, and accounts for
// every item.
//
// A collector starts and receives while the store is away, and holds what comes in for
// as long as that lasts and its queues have room.
package collector

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/admit"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/exporter"
	"github.com/sightline-mesh/sightline/collector/gate"
	"github.com/sightline-mesh/sightline/collector/pipeline"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/tail"
)

// Collector is one collector. Use New; run Run once.
type Collector struct {
	config     Config
	log        *slog.Logger
	ledger     *account.Ledger
	admission  *admit.Admission
	connection *connection
	pipeline   *pipeline.Pipeline
	trimmer    *trimmer
	tail       *tail.Tail // nil where all traces are kept
	grpc, http *port
	others     map[string]*port // by the protocol's name, those that are on
	sockets    sockets
	ready      chan struct{}
}

// port is one of the ways in.
type port struct {
	address string
	gate    *gate.Gate
	bound   net.Addr // once the collector is ready
}

// New makes a collector; it touches no file and no port until Run.
func New(c Config, d Deps) (*Collector, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("configure the collector: %w", err)
	}
	c = c.withDefaults()
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	decide, err := newTail(c)
	if err != nil {
		return nil, err
	}
	ledger, admission := account.New(), admit.New(c.Limits)
	conn := &connection{address: c.Store, tiers: c.tiers(), log: d.Logger, opened: make(chan struct{})}
	s := socketsIn(c.Dir)
	on := pipeline.Config{
		Dir: filepath.Join(c.Dir, "queue"), GRPCSocket: s.grpc, HTTPSocket: s.http,
		MemoryMiB: c.MemoryMiB, QueueItems: c.QueueItems,
	}
	others := map[string]*port{}
	for _, o := range []struct {
		name, address, socket, alpn string
		to                          *string
	}{
		{Zipkin, c.Zipkin, s.zipkin, "http/1.1", &on.ZipkinSocket},
		{JaegerGRPC, c.JaegerGRPC, s.jaegerGRPC, "h2", &on.JaegerGRPCSocket},
		{JaegerHTTP, c.JaegerHTTP, s.jaegerHTTP, "http/1.1", &on.JaegerHTTPSocket},
	} {
		if o.address != "" {
			*o.to = o.socket
			others[o.name] = &port{address: o.address, gate: newGate(c, d, o.socket, o.alpn)}
		}
	}
	return &Collector{
		config: c, log: d.Logger, ledger: ledger, admission: admission, connection: conn, sockets: s,
		trimmer: &trimmer{most: clickhouse.Bytes{Hot: c.StoreLimit, Cold: c.ColdLimit}, tiered: c.StoragePolicy != "", log: d.Logger}, tail: decide,
		pipeline: pipeline.New(on, pipeline.Deps{
			Exporter: exporter.NewFactory(conn.store, ledger, decisions(decide, c.DecisionWait)), Ledger: ledger, Admission: admission, Logger: d.Logger,
		}),
		grpc:   &port{address: c.GRPC, gate: newGate(c, d, s.grpc, "h2")},
		http:   &port{address: c.HTTP, gate: newGate(c, d, s.http, "http/1.1")},
		others: others,
		ready:  make(chan struct{}),
	}, nil
}

// The names of the protocols beside OTLP.
const (
	Zipkin     = "zipkin"
	JaegerGRPC = "jaeger-grpc"
	JaegerHTTP = "jaeger-http"
)

func newGate(c Config, d Deps, socket, alpn string) *gate.Gate {
	deps := gate.Deps{
		Dial: func(ctx context.Context, client *tls.Conn) (net.Conn, error) {
			var from net.Dialer
			if client != nil && d.Namespace != nil {
				if namespace := d.Namespace(client.ConnectionState()); namespace != "" {
					from.LocalAddr = &net.UnixAddr{Net: "unix", Name: pipeline.SenderSocket(rand.Text(), namespace)}
				}
			}
			return from.DialContext(ctx, "unix", socket)
		},
		Proved: d.Watch,
		Logger: d.Logger,
	}
	if d.ServerTLS != nil {
		deps.TLS = d.ServerTLS(alpn)
	}
	return gate.New(gate.Config{Connections: c.Connections}, deps)
}

// Run receives and stores until ctx ends or a part fails. What is not stored by then
// stays on disk for the next Run in the same directory.
func (c *Collector) Run(ctx context.Context) (err error) {
	unlock, err := claim(c.config.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.sockets.make(); err != nil {
		return err
	}
	defer c.sockets.remove()
	if c.tail != nil {
		if err := c.tail.Load(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.tail.Close()) }()
	}
	listeners, err := c.listen(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.connection.open(ctx) })
	g.Go(func() error { return c.pipeline.Run(ctx) })
	for p, l := range listeners {
		g.Go(func() error { return c.serve(ctx, p, l) })
	}
	g.Go(func() error { c.announce(ctx); return nil })
	g.Go(func() error { c.trim(ctx); return nil })
	return errors.Join(g.Wait(), c.connection.close())
}

// Ready is closed once telemetry is received.
func (c *Collector) Ready() <-chan struct{} { return c.ready }

// Stored is closed once the store has answered and has the tables of this version: before,
// there is nothing in it to read. It stays closed when the store goes away again.
func (c *Collector) Stored() <-chan struct{} { return c.connection.opened }

// Addresses are where OTLP is taken over gRPC and HTTP, once the collector is ready.
func (c *Collector) Addresses() (grpc, http net.Addr) { return c.grpc.bound, c.http.bound }

// Address is where a protocol beside OTLP is taken, nil if it is off, once the collector is
// ready.
func (c *Collector) Address(protocol string) net.Addr {
	if p := c.others[protocol]; p != nil {
		return p.bound
	}
	return nil
}

// Accounting is what became of the telemetry received: one entry for each signal.
func (c *Collector) Accounting() []signal.Pipeline { return c.ledger.Accounting() }

// Admission decides what of telemetry is taken, also of what comes another way.
func (c *Collector) Admission() *admit.Admission { return c.admission }

// Tenants is what became of what each tenant sent.
func (c *Collector) Tenants() []signal.Tenant { return c.admission.Tenants() }

// StoreState is how the store stood when it was last measured, within the last minute while
// it answers.
func (c *Collector) StoreState() signal.StoreState {
	if s := c.trimmer.state.Load(); s != nil {
		return *s
	}
	return signal.StoreState{}
}

// Connections counts what came to each port: "grpc" and "http" of OTLP, and those of other
// protocols by their names.
func (c *Collector) Connections() map[string]gate.Stats {
	all := map[string]gate.Stats{"grpc": c.grpc.gate.Stats(), "http": c.http.gate.Stats()}
	for name, p := range c.others {
		all[name] = p.gate.Stats()
	}
	return all
}

// listen binds all ports, or none. Clients that connect from now on wait until the
// pipeline is there.
func (c *Collector) listen(ctx context.Context) (map[*port]net.Listener, error) {
	out := map[*port]net.Listener{}
	for _, p := range append([]*port{c.grpc, c.http}, slices.Collect(maps.Values(c.others))...) {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", p.address)
		if err != nil {
			for _, other := range out {
				other.Close()
			}
			return nil, fmt.Errorf("listen for telemetry: %w", err)
		}
		p.bound = l.Addr()
		out[p] = l
	}
	return out, nil
}

// serve opens p's gate once the pipeline receives.
func (c *Collector) serve(ctx context.Context, p *port, l net.Listener) error {
	select {
	case <-c.pipeline.Ready():
		return p.gate.Serve(ctx, l)
	case <-ctx.Done():
		return l.Close()
	}
}

func (c *Collector) announce(ctx context.Context) {
	select {
	case <-c.pipeline.Ready():
		c.log.Info("receiving telemetry", "grpc", c.grpc.bound, "http", c.http.bound)
		for name, p := range c.others {
			c.log.Info("receiving spans", "protocol", name, "address", p.bound)
		}
		close(c.ready)
	case <-ctx.Done():
	}
}
