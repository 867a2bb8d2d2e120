package pair

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"

	"github.com/sightline-mesh/sightline/loadtest/freeport"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
	"github.com/sightline-mesh/sightline/proxy"
)

// sidecar is where one of the pair listens.
type sidecar struct {
	service                  string
	outbound, inbound, admin netip.AddrPort
	app                      netip.AddrPort // zero for the caller's, which stands beside no app
	quiet                    bool
}

// Sidecars is a pair of sidecars to start.
type Sidecars struct {
	App   netip.AddrPort
	HTTP2 bool // the app, and callers, speak HTTP/2
	Quiet bool // without telemetry
	// Answered reports whether a request to the address comes to the app; nil sends one
	// that an echo answers.
	Answered func(ctx context.Context, at netip.AddrPort) error
}

// Start starts a pair of sidecars, with a certificate, all telemetry unless it is to be
// quiet, and everything else on, and waits until it carries requests. The mesh's pairs
// run one after the other.
func (m *Mesh) Start(ctx context.Context, c Sidecars) (*Running, error) {
	ports, err := freeport.Find(ctx, 6)
	if err != nil {
		return nil, fmt.Errorf("start sidecar pair: %w", err)
	}
	m.pairs++
	caller := sidecar{service: "caller", outbound: ports[0], inbound: ports[1], admin: ports[2], quiet: c.Quiet}
	callee := sidecar{service: Host, outbound: ports[3], inbound: ports[4], admin: ports[5], app: c.App, quiet: c.Quiet}
	r := &Running{Address: caller.outbound, HTTP2: c.HTTP2, answered: c.Answered, Admin: []netip.AddrPort{caller.admin, callee.admin}}
	if !c.Quiet {
		r.account = accounts(caller.admin, callee.admin)
	}
	for _, s := range []sidecar{caller, callee} {
		p, err := m.sidecar(ctx, s)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start sidecar pair: %w", err), r.Stop())
		}
		r.Processes = append(r.Processes, p)
	}
	if err := r.carries(ctx, callee.inbound); err != nil {
		return nil, errors.Join(fmt.Errorf("start sidecar pair: %w", err), r.Stop())
	}
	return r, nil
}

func (m *Mesh) sidecar(ctx context.Context, s sidecar) (*proc.Process, error) {
	instance := s.service + "-" + strconv.Itoa(m.pairs)
	collector := m.sink.Address()
	if s.quiet {
		collector = proxy.NoCollector
	}
	args := []string{
		"run", "--service", s.service, "--version", "v1", "--instance", instance,
		"--control-plane", m.address.String(), "--collector", collector,
		"--dir", filepath.Join(m.dir, "proxies", instance),
		"--outbound", s.outbound.String(), "--inbound", s.inbound.String(), "--admin", s.admin.String(),
		"--drain", "2s",
	}
	if s.app.IsValid() {
		args = append(args, "--port", strconv.Itoa(int(s.app.Port())))
	}
	return proc.Start(ctx, proc.Command{
		Path: filepath.Join(m.bin, "sightline-proxy"), Args: args,
		Env: environment("SIGHTLINE_TOKEN=" + m.token), Log: m.log,
	})
}
