package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/authorize"
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
	g.keys.Keep(keySets(in.Tokens))
	g.current.Store(&serve.Guard{Tokens: tokens, Authorize: policies})
	g.pushed.Store(&in)
	return nil
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
