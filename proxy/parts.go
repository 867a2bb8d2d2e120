package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/push"
	"github.com/sightline-mesh/sightline/proxy/admin"
	"github.com/sightline-mesh/sightline/proxy/breaker"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/originate"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/serve"
	"github.com/sightline-mesh/sightline/proxy/stream"
	"github.com/sightline-mesh/sightline/proxy/tap"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// connectTime bounds a connection attempt to an instance, handshake included, where a
// DestinationRule says nothing. It is half of Istio's: long enough for a machine that
// is short of processor time, short enough that another instance can still be tried.
const connectTime = 5 * time.Second

// parts is everything a running sidecar is made of.
type parts struct {
	source   *identity.Source
	feed     *push.Client
	emitter  *emit.Emitter
	set      *upstream.Set
	tables   *tables
	guards   *guards
	intake   serve.Intake // of both sides
	outbound *serve.Outbound
	checks   *checks
	inbound  *serve.Inbound
	admin    *admin.Server
	trips    atomic.Uint64
	counted  *counted // in front of emitter
	others   *originate.Originator
	tap      *tap.Tap
}

// assemble gets a certificate, which may take until a control plane answers, and
// makes the parts. It starts nothing that has to be waited for.
func (p *Proxy) assemble(ctx context.Context) (*parts, error) {
	r := &parts{tap: tap.New(p.c.SecretParams), others: originate.New(p.log)}
	source, err := identity.Open(ctx, identity.Config{
		ControlPlane: p.c.ControlPlane, Token: p.c.Token, SPIRESocket: p.c.SPIRESocket, Dir: p.c.Dir, Logger: p.log,
		Retired: r.retire, Drain: p.c.Drain, Renewed: func() { r.feed.Reopen() },
		Workload: identity.Workload{
			Service: p.c.Service, Version: p.c.Version, Namespace: p.c.Namespace, Account: p.c.Account, Instance: p.c.Instance,
		},
	})
	if err != nil {
		return nil, err
	}
	r.source, r.guards = source, newGuards(source.TrustDomain(), p.log)
	r.intake = p.c.intake(&r.guards.paths)
	if r.feed, err = p.newFeed(ctx, r); err != nil {
		return nil, err
	}
	collector := identity.ID(source.TrustDomain(), mesh.SystemNamespace, mesh.CollectorAccount)
	r.emitter = emit.New(emit.Config{
		Collector: p.c.collectorURL(),
		Service:   p.c.Service, Namespace: p.c.Namespace, Version: p.c.Version, Instance: p.c.Instance,
		SecretParams: p.c.SecretParams,
	}, emit.Deps{TLS: source.ClientTLS(collector, "http/1.1"), Logger: p.log})
	r.guards.leave = r.emitter.Leave
	r.counted = &counted{next: r.emitter}
	r.outbound = p.newOutbound(r)
	r.checks = newChecks(r.set, r.dial)
	r.inbound = p.newInbound(r)
	r.admin = admin.New(admin.Deps{
		Ready: p.isReady, Metrics: r.metrics, Profiles: p.c.Profiles,
		Config:   r.configuration,
		Breakers: func() any { return r.set.State() },
		Drain:    func() { go p.DrainInbound() }, // the page answers at once; Run waits for the listener
	})
	return r, nil
}

func (p *Proxy) newFeed(ctx context.Context, r *parts) (*push.Client, error) {
	at, err := advertised(ctx, p.c, p.l.inbound.Addr())
	if err != nil {
		return nil, err
	}
	r.set = upstream.New(upstream.Deps{
		Locality: p.c.Locality, Labels: p.labels(),
		OnRemove: func(i *upstream.Instance) { r.outbound.Remove(i) },
		OnLimits: func(i *upstream.Instance) { r.outbound.Remove(i) },
		OnChange: func(i *upstream.Instance, c breaker.Change) { p.breakerChanged(r, i, c) },
	})
	r.tables = newTables(route.Caller{Namespace: p.c.Namespace, Labels: p.labels()}, r.set.Update)
	feed := push.New(push.Config{
		ControlPlane: p.c.ControlPlane, TLS: r.source.ClientTLS(r.source.ControlPlane(), "h2"),
		Instance: p.c.announced(mesh.Instance{Address: at, Labels: p.labels(), State: p.state, Locality: p.c.Locality}),
		Build:    p.c.Build, Dir: p.c.Dir, Logger: p.log,
		Inbound:    r.guards.apply,
		Taps:       r.tap.Ask,
		TurnedAway: func() mesh.TurnedAway { return r.inbound.TurnedAway() }, // which is made later
	}, r.tables.apply)
	r.tables.feed = feed
	return feed, nil
}

// firstState is the instance's before its app answers.
func (c Config) firstState() mesh.InstanceState {
	if len(c.Ports) == 0 {
		return mesh.Caller // nothing is to come that would make it ready
	}
	return mesh.Starting
}

// retire has connections end whose peers are below a root that is gone, and those to the
// collector: it does the same with who came by such a root, and cannot say so before.
func (r *parts) retire(gone []*tls.Conn) {
	r.inbound.Retire(gone)
	callees := map[mesh.InstanceID]bool{}
	for _, t := range gone {
		if peer, err := identity.PeerOf(t.ConnectionState()); err == nil {
			callees[peer.Instance] = true
		}
	}
	r.outbound.Retire(func(i mesh.InstanceID) bool { return callees[i] })
	r.emitter.Reconnect()
}

// labels are the instance's, for subsets to choose by.
func (p *Proxy) labels() map[string]string {
	labels := map[string]string{"app": p.c.Service}
	if p.c.Version != "" {
		labels["version"] = p.c.Version
	}
	return labels
}

func (p *Proxy) newOutbound(r *parts) *serve.Outbound {
	return serve.NewOutbound(serve.OutboundConfig{
		Namespace: p.c.Namespace, Drain: p.c.Drain, ConnectTime: connectTime,
		StreamIdle: p.c.StreamIdle, DetectTime: p.c.DetectTime, ServerFirst: p.c.ServerFirst,
		Intake: r.intake, Transparent: p.c.Transparent, AllowAny: !p.c.RegistryOnly,
	}, serve.OutboundDeps{
		Find:    r.tables.find,
		Resolve: r.tables.resolve,
		Pick:    r.set.Pick,
		Dial:    r.dial,
		Budget:  retry.NewBudget(time.Now),
		Sink:    r.counted,
		Tap:     r.tap,
		Sampler: r.guards.sampler.Load,
		Logs:    r.guards.logs[emit.Outbound].Load,
		Spans:   r.guards.spans[emit.Outbound].Load,
		Onward:  r.guards.onward.Load,
		Logger:  p.log,
		Heir:    p.passOn,
	})
}

func (p *Proxy) newInbound(r *parts) *serve.Inbound {
	return serve.NewInbound(serve.InboundConfig{
		Apps: p.c.apps(), Drain: p.c.Drain,
		Intake: r.intake, StreamIdle: p.c.StreamIdle,
	}, serve.InboundDeps{
		TLS: r.source.ServerTLS(stream.ALPN, "h2", "http/1.1"),
		PeerOf: func(cs tls.ConnectionState) (emit.Peer, error) {
			peer, err := identity.PeerOf(cs)
			return emit.Peer{
				Service: string(peer.Service), Version: string(peer.Version),
				Instance: string(peer.Instance), Identity: string(peer.Identity),
			}, err
		},
		Proved: r.source.Watch,
		Guard:  r.guards.load,
		Sink:   r.counted,
		Tap:    r.tap,

		Sampler: r.guards.sampler.Load,
		Logs:    r.guards.logs[emit.Inbound].Load,
		Spans:   r.guards.spans[emit.Inbound].Load,
		Logger:  p.log,
	})
}

func (p *Proxy) breakerChanged(r *parts, i *upstream.Instance, c breaker.Change) {
	if c.To == breaker.Tripped {
		r.trips.Add(1)
	}
	p.log.Info("breaker changed", "instance", string(i.Info.ID), "to", c.To.String(), "why", c.Reason)
}

// configuration is what is in force, for people to read.
func (r *parts) configuration() any {
	return struct {
		Identity identity.Status `json:"identity"`
		Feed     push.Status     `json:"feed"`    // of the control plane, and how old what follows is
		Inbound  *mesh.Inbound   `json:"inbound"` // null until it is known
		Paths    string          `json:"pathNormalization"`
		Services []mesh.Snapshot `json:"services"`
	}{r.source.Status(), r.feed.Status(), r.guards.policies(), r.intake.PathMode().String(), r.tables.snapshots()}
}

func (p *Proxy) isReady() error {
	if p.isLeaving() {
		return errors.New("draining")
	}
	select {
	case <-p.ready:
		return nil
	default:
		return errors.New("no certificate yet")
	}
}
