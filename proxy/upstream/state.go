package upstream

import (
	"cmp"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/outlier"
)

// State is what this sidecar knows and does, for people to read.
type State struct {
	Services  []ServiceState  `json:"services"`
	Instances []InstanceState `json:"instances"`
}

// ServiceState is what a service, or a subset of one, has to offer to requests.
type ServiceState struct {
	Service      mesh.ServiceName  `json:"service"`
	Subset       string            `json:"subset,omitempty"`
	Port         uint16            `json:"port,omitempty"` // the lowest of its numbers; 0 is each instance's first
	LoadBalancer mesh.LoadBalancer `json:"loadBalancer"`
	Ready        int               `json:"ready"` // instances
	Able         int               `json:"able"`  // of those, now
	Mode         string            `json:"mode,omitempty"`
	PassedOver   string            `json:"passedOver,omitempty"`
	Bands        []BandState       `json:"bands,omitempty"` // where localities matter
	Requests     Usage             `json:"requests"`
	Retries      Usage             `json:"retries"`
	Connections  Usage             `json:"connections"`
	Pending      Usage             `json:"pending"`
}

// BandState is what the instances of one distance get.
type BandState struct {
	Name  string  `json:"name"`
	Part  float64 `json:"part"` // of the requests
	Ready int     `json:"ready"`
	Able  int     `json:"able"`
}

// Usage is how much of a limit is used. Limit 0 is none.
type Usage struct {
	Used  int64 `json:"used"`
	Limit int64 `json:"limit,omitempty"`
}

// InstanceState is what one instance looks like from here.
type InstanceState struct {
	Service   mesh.ServiceName   `json:"service"`
	Version   mesh.Version       `json:"version,omitempty"`
	Instance  mesh.InstanceID    `json:"instance"`
	Address   string             `json:"address"`
	Port      uint16             `json:"port,omitempty"` // of its app, where that is not its first
	Locality  mesh.Locality      `json:"locality,omitempty"`
	Lifecycle mesh.InstanceState `json:"lifecycle"`
	// Breaker is admitting, tripped or probing. With outlier detection, which Outlier
	// tells of, tripped is one that it took out.
	Breaker  string        `json:"breaker"`
	Why      string        `json:"why,omitempty"`
	Since    time.Time     `json:"since,omitzero"`
	Until    time.Time     `json:"until,omitzero"` // end of the rest
	Outlier  *OutlierState `json:"outlier,omitempty"`
	Health   *HealthState  `json:"health,omitempty"`
	Verdict  *mesh.Verdict `json:"verdict,omitempty"`
	Load     float64       `json:"load"` // seconds one more request is expected to take
	InFlight int           `json:"inFlight"`
	Warmup   float64       `json:"warmup,omitempty"` // its share by now, while it warms up
}

// OutlierState is what outlier detection counts.
type OutlierState struct {
	Errors  int    `json:"errors"` // in a row, as the next two
	Gateway int    `json:"gatewayErrors"`
	Local   int    `json:"localFailures"`
	Times   int    `json:"times"` // that lengthen the next rest
	Total   uint64 `json:"total"` // times it was taken out
}

// HealthState is what checks found out.
type HealthState struct {
	Well    bool      `json:"well"`
	Why     string    `json:"why,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Checked time.Time `json:"checked,omitzero"`
}

// State is everything there is to know, in the order of names.
func (s *Set) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, now := s.view.Load(), s.deps.Now()
	out := State{
		Services: make([]ServiceState, 0, len(v.groups)), Instances: make([]InstanceState, 0, len(v.instances)),
	}
	for d, g := range v.groups {
		if !v.gone[d] {
			out.Services = append(out.Services, g.state(now)) // makes up for sweeps that are due
		}
	}
	for _, i := range v.instances {
		out.Instances = append(out.Instances, i.state(now, v.groups[destination{service: i.Info.Service, port: i.group}]))
	}
	slices.SortFunc(out.Services, func(a, b ServiceState) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Subset, b.Subset), cmp.Compare(a.Port, b.Port))
	})
	slices.SortFunc(out.Instances, func(a, b InstanceState) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Port, b.Port))
	})
	return out
}

func (g *group) state(now time.Time) ServiceState {
	c, m := g.offer(now), g.limits.max.Load()
	out := ServiceState{
		Service: g.name.service, Subset: g.name.subset, Port: g.name.port, LoadBalancer: cmp.Or(g.policy.LoadBalancer, mesh.PeakEWMA),
		Ready: g.size, Mode: c.mode, PassedOver: c.passed,
		Requests: Usage{g.limits.inFlight.Load(), int64(m.requests)}, Retries: Usage{g.limits.retries.Load(), int64(m.retries)},
	}
	if m.share != nil {
		out.Retries.Limit = int64(m.share.Allowed(int(out.Requests.Used)))
	}
	if q := g.quota(); q != nil {
		out.Connections = Usage{q.connections.Load(), q.maxConnections.Load()}
		out.Pending = Usage{q.pending.Load(), q.maxPending.Load()}
	}
	before := 0.0
	for n, o := range c.offers {
		out.Able += len(o.able)
		if c.cum != nil {
			out.Bands = append(out.Bands, BandState{Name: o.part.name, Part: c.cum[n] - before, Ready: len(o.part.members), Able: len(o.able)})
			before = c.cum[n]
		}
	}
	return out
}

// quota is the one of the group's policy; nil if that is the service's, and told there.
func (g *group) quota() *Quota {
	if sc := g.service.scopes[g.name.subset]; sc != nil {
		return &sc.quota
	}
	return nil
}

func (i *Instance) state(now time.Time, g *group) InstanceState {
	t := i.terms.Load()
	out := InstanceState{
		Service: i.Info.Service, Version: i.Info.Version, Instance: i.Info.ID, Address: i.Info.Address.String(), Port: i.Port,
		Locality: t.locality, Lifecycle: t.state, Verdict: t.verdict(now), Load: i.load.Score(now), InFlight: i.InFlight(),
	}
	if t.member != nil {
		out.outlier(t.member.Status())
	} else {
		b := i.breaker.Status()
		out.Breaker, out.Why, out.Since, out.Until = b.State.String(), b.Reason, b.Since, b.Until
	}
	if h := i.health.Load(); h != nil {
		out.Health = &HealthState{Well: h.Well, Why: h.Why, Since: h.Since, Checked: h.Checked}
	}
	if age, warming := i.load.Age(now); warming && g != nil && g.policy.Warmup != nil {
		if share := warmup(g.policy.Warmup).Share(age); share < 1 {
			out.Warmup = share
		}
	}
	return out
}

func (out *InstanceState) outlier(s outlier.Status) {
	out.Breaker, out.Why, out.Since, out.Until = "admitting", s.Reason, s.Since, s.Until
	if s.Out {
		out.Breaker = "tripped"
	}
	out.Outlier = &OutlierState{Errors: s.Errors, Gateway: s.Gateway, Local: s.Local, Times: s.Times, Total: s.Total}
}
