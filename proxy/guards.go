package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/accesslog"
	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/normalize"
	"github.com/sightline-mesh/sightline/proxy/ratelimit"
	"github.com/sightline-mesh/sightline/proxy/sampling"
	"github.com/sightline-mesh/sightline/proxy/serve"
	"github.com/sightline-mesh/sightline/proxy/token"
)

// guards holds what the inbound side enforces.
type guards struct {
	domain  string // trust domain of the mesh
	keys    *token.Fetcher
	idle    func() // closes the connections to issuers
	current atomic.Pointer[serve.Guard]
	pushed  atomic.Pointer[mesh.Inbound] // what current was compiled from
	sampler atomic.Pointer[sampling.Sampler]
	logs    [2]atomic.Pointer[accesslog.Rule] // by direction
	spans   [2]atomic.Pointer[emit.SpanRule]  // likewise
	onward  atomic.Pointer[serve.Onward]
	paths   normalize.Setting
	leave   func([2]emit.MetricRule) // what metrics do without
}

func newGuards(domain string, log *slog.Logger) *guards {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second}
	return &guards{domain: domain, keys: token.NewFetcher(&http.Client{Transport: transport}, log), idle: transport.CloseIdleConnections}
}

// run keeps what the guards need until ctx ends. It returns nil.
func (g *guards) run(ctx context.Context) error {
	defer g.idle()
	return g.keys.Run(ctx)
}

// apply proves what is to be enforced, then swaps it in. What does not compile is
// refused with the reason, and what was there before stays in force.
func (g *guards) apply(in mesh.Inbound) error {
	policies, err := authorize.Compile(in.Authorization, g.domain)
	if err != nil {
		return fmt.Errorf("compile authorization: %w", err)
	}
	tokens, err := token.Compile(in.Tokens, g.keys)
	if err != nil {
		return fmt.Errorf("compile tokens: %w", err)
	}
	next := &serve.Guard{Tokens: tokens, Authorize: policies}
	if err := modes(next, &in); err != nil {
		return err
	}
	if err := g.limits(next, &in); err != nil {
		return fmt.Errorf("compile limits: %w", err)
	}
	told, err := telling(&in)
	if err != nil {
		return err
	}
	paths, err := normalize.Parse(string(in.PathNormalization))
	if err != nil {
		return err
	}
	onward, err := serve.CompileOnward(in.Onward)
	if err != nil {
		return err
	}
	g.onward.Store(onward)
	g.paths.Set(paths)
	g.tell(told)
	g.keys.Keep(keySets(in.Tokens))
	g.current.Store(next)
	g.pushed.Store(&in)
	return nil
}

// limits compiles the limits. One that says the same as before goes on where it was.
func (g *guards) limits(next *serve.Guard, in *mesh.Inbound) error {
	was, before := g.current.Load(), g.pushed.Load()
	if before == nil {
		was, before = &serve.Guard{}, &mesh.Inbound{}
	}
	for i := range in.Rates {
		r := &in.Rates[i]
		rate, err := g.rate(r)
		if err != nil {
			return fmt.Errorf("rate limit %s: %w", r.Name, err)
		}
		if j := slices.IndexFunc(before.Rates, func(b mesh.RateRule) bool { return reflect.DeepEqual(b, *r) }); j >= 0 {
			rate.Limiter = was.Rates[j].Limiter
		}
		next.Rates = append(next.Rates, rate)
	}
	return inFlight(next, in, was)
}

func (g *guards) rate(r *mesh.RateRule) (serve.Rate, error) {
	if r.Requests <= 0 || r.Unit <= 0 {
		return serve.Rate{}, fmt.Errorf("%d requests in %v: want both above 0", r.Requests, r.Unit)
	}
	match, err := authorize.CompileRule(&r.Match, g.domain)
	return serve.Rate{
		Name: r.Name, Match: match, PerCaller: r.PerCaller, PerHeader: r.PerHeader,
		Limiter: ratelimit.New(ratelimit.Config{Requests: r.Requests, Unit: r.Unit, Burst: r.Burst}),
	}, err
}

// modes compiles which connections are taken.
func modes(next *serve.Guard, in *mesh.Inbound) (err error) {
	if next.MTLS, err = mtlsOf(in.MTLS); err != nil || len(in.PortMTLS) == 0 {
		return err
	}
	next.PortMTLS = make(map[uint16]serve.MTLS, len(in.PortMTLS))
	for _, p := range in.PortMTLS {
		if next.PortMTLS[p.Port], err = mtlsOf(p.Mode); err != nil {
			return fmt.Errorf("port %d: %w", p.Port, err)
		}
	}
	return nil
}

func mtlsOf(m mesh.MTLSMode) (serve.MTLS, error) {
	switch m {
	case "", mesh.Strict:
		return serve.Strict, nil
	case mesh.Permissive:
		return serve.Permissive, nil
	case mesh.Disable:
		return serve.Disable, nil
	case mesh.Mutual:
	}
	return 0, fmt.Errorf("mtls %q: want STRICT, PERMISSIVE or DISABLE", m)
}

// keySets are the key sets that have to be fetched.
func keySets(rules []mesh.TokenRule) []string {
	var uris []string
	for i := range rules {
		if rules[i].JWKSURI != "" {
			uris = append(uris, rules[i].JWKSURI)
		}
	}
	return uris
}

// load is nil until something was applied.
func (g *guards) load() *serve.Guard { return g.current.Load() }

// policies are those in force, for people to read.
func (g *guards) policies() *mesh.Inbound { return g.pushed.Load() }
