package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/metrics"
	"github.com/sightline-mesh/sightline/controlplane/mirror"
)

// figures are of this control plane alone.
func (p *plane) figures() *prometheus.Registry {
	return metrics.New(metrics.Sources{
		Replica: p.id, TrustDomain: p.cfg.TrustDomain,
		Leads: p.leads.Load,
		Replicas: func(ctx context.Context) (int, error) {
			all, err := p.replicas.list(ctx)
			return len(all), err
		},
		Proxies:     p.ownProxies,
		Pushes:      p.hub.Tally,
		Propagation: p.hub.Propagation,
		Version:     p.version,
		Holdings:    p.holdings,
		Authority:   p.authorityFigures,
		StoreSize:   p.store.Size,
	}, p.tally)
}

func (p *plane) holdings() mirror.Holdings {
	out := p.mirror.Holdings()
	out.Unreadable += len(p.unread.here())
	return out
}

func (p *plane) version() uint64 {
	if s := p.hub.State(); s != nil {
		return s.Version
	}
	return 0
}

func (p *plane) authorityFigures() metrics.Authority {
	at, held := p.authority.Standing(), p.holders.Sum()
	out := metrics.Authority{
		Signing: describe(at.Signing), Phase: phaseName(at.Phase), Version: at.Version, Revoked: len(at.Revoked),
		Holders: held.Holders, Lagging: held.Lag, Troubled: len(held.Troubled),
	}
	if at.Phase == ca.Renew { // else nobody waits for them
		out.Outdated = held.Old
	}
	for _, r := range at.Roots {
		out.Roots = append(out.Roots, describe(r))
	}
	return out
}

// serveMetrics answers /metrics until ctx ends, with the process's own figures too.
func (p *plane) serveMetrics(ctx context.Context, l net.Listener) error {
	own := prometheus.NewRegistry()
	own.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.Gatherers{own, p.registered}, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	p.deps.Logger.Info("metrics are served", "address", "http://"+l.Addr().String()+"/metrics")
	select {
	case err := <-ended:
		return fmt.Errorf("serve metrics: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(last) != nil {
		_ = server.Close() // whoever reads so slowly can read again
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
