package proxy

import (
	"fmt"
	"sync/atomic"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

// guards holds what the inbound side enforces.
type guards struct {
	domain  string // trust domain of the mesh
	current atomic.Pointer[serve.Guard]
	pushed  atomic.Pointer[mesh.Inbound] // what current was compiled from
}

// apply proves what is to be enforced, then swaps it in. What does not compile is
// refused with the reason, and what was there before stays in force.
func (g *guards) apply(in mesh.Inbound) error {
	policies, err := authorize.Compile(in.Authorization, g.domain)
	if err != nil {
		return fmt.Errorf("compile authorization: %w", err)
	}
	g.current.Store(&serve.Guard{Authorize: policies})
	g.pushed.Store(&in)
	return nil
}

// load is nil until something was applied.
func (g *guards) load() *serve.Guard { return g.current.Load() }

// policies are those in force, for people to read.
func (g *guards) policies() *mesh.Inbound { return g.pushed.Load() }
