// Package anomaly finds versions and instances that fail more requests than usual,
// and names the cause: what fails only because something it calls fails is passed
// over. It is pure: seconds of tallies go in, observations with evidence come out.
package anomaly

import (
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Tally is a number of requests and how many of them failed.
type Tally struct{ Requests, Failed uint64 }

// Plus is the sum of two tallies.
func (t Tally) Plus(o Tally) Tally {
	return Tally{Requests: t.Requests + o.Requests, Failed: t.Failed + o.Failed}
}

// Share is the failed share, 0 of nothing.
func (t Tally) Share() float64 {
	if t.Requests == 0 {
		return 0
	}
	return float64(t.Failed) / float64(t.Requests)
}

// Second is what all sidecars reported of one second.
type Second struct {
	Time time.Time // its start
	// In holds the requests that reached a version or an instance. Failed are only
	// those it can be blamed for: not what a sidecar refused by itself (no instance
	// left, own limit, no route) and not what a caller gave up on. So requests that a
	// tripped breaker turned away are no evidence for another verdict.
	In map[mesh.Target]Tally
	// Out holds the calls a version made, whatever they failed of.
	Out map[mesh.Target]Tally
}

// Read adds up the edges of one second.
func Read(at time.Time, edges []signal.Edge) Second {
	s := Second{Time: at, In: make(map[mesh.Target]Tally), Out: make(map[mesh.Target]Tally)}
	for _, e := range edges {
		if e.Source != "" {
			caller := mesh.Target{Service: mesh.ServiceName(e.Source), Version: mesh.Version(e.SourceVersion)}
			s.Out[caller] = s.Out[caller].Plus(Tally{e.Requests, e.Failed})
		}
		if e.DestinationVersion == "" && e.Instance == "" {
			continue // nobody was reached
		}
		t := Tally{e.Requests, blamed(e)}
		version := mesh.Target{Service: mesh.ServiceName(e.Destination), Version: mesh.Version(e.DestinationVersion)}
		s.In[version] = s.In[version].Plus(t)
		if e.Instance != "" {
			instance := version
			instance.Instance = mesh.InstanceID(e.Instance)
			s.In[instance] = s.In[instance].Plus(t)
		}
	}
	return s
}

// blamed is how many of an edge's requests failed through the callee's fault.
func blamed(e signal.Edge) uint64 {
	failed := e.Failed
	for _, flag := range []string{
		"UH", "UO", "NR", "NC", "RL", "RLSE", "UAEX", "FI", // a sidecar's own refusal
		"DC", "DPE", "IH", // the caller's doing
	} {
		failed -= min(failed, e.Flags[flag])
	}
	return failed
}

// Sum adds up a target's In over seconds.
func Sum(seconds []Second, t mesh.Target) Tally {
	var sum Tally
	for _, s := range seconds {
		sum = sum.Plus(s.In[t])
	}
	return sum
}
