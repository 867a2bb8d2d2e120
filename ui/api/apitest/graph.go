package apitest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
)

// Current is the graph of the last second.
func (s *Shop) Current() *graph.Graph {
	return s.graphAt(s.now(), 5*time.Second)
}

// At is the graph at a time; before the shop opened it is empty.
func (s *Shop) At(_ context.Context, at time.Time, window time.Duration) (*graph.Graph, error) {
	return s.graphAt(at, window), nil
}

func (s *Shop) graphAt(at time.Time, window time.Duration) *graph.Graph {
	g := &graph.Graph{Start: at.Add(-window), End: at}
	if s.silent || at.Before(s.started) {
		return g
	}
	fault := s.faultAt(at)
	nodes := map[string]*graph.Node{}
	for _, c := range calls() {
		e := s.edgeAt(c, at, window, fault)
		g.Edges = append(g.Edges, e)
		addTo(nodes, e)
	}
	for _, n := range nodes {
		n.Health = health(n.ErrorShare)
		g.Nodes = append(g.Nodes, *n)
	}
	slices.SortFunc(g.Nodes, func(a, b graph.Node) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Edges, func(a, b graph.Edge) int { return strings.Compare(a.ID, b.ID) })
	return g
}

func (s *Shop) edgeAt(c call, at time.Time, window time.Duration, fault float64) graph.Edge {
	e := graph.Edge{
		ID: c.from + "→" + c.to, Source: c.from, Destination: c.to, Protocol: c.protocol,
		MTLSShare: 1, Breaker: graph.Admitting, Flags: map[string]uint64{},
	}
	if c.from == "outside" {
		e.MTLSShare = 0
	}
	rps, ms := c.rps*wobble(at, c.from+c.to), c.ms*wobble(at, c.to+c.from)
	for _, v := range versionsOf(c.to) {
		share, breaker := s.shareOf(c.to, v)
		bad := c.errors
		if c.to == "payments" && v == "v2" && share > 0 {
			bad = max(bad, fault)
		}
		ver := graph.Version{
			Version: string(v), Instances: []string{c.to + "-" + string(v) + "-1"}, Breaker: breaker,
			Rates: ratesOf(rps*share, bad, ms, window), Health: health(bad),
		}
		if share == 0 {
			ver.Health = graph.Idle
		}
		e.Versions = append(e.Versions, ver)
		e.RPS += ver.RPS
		e.Requests += ver.Requests
		e.Failed += ver.Failed
		e.Breaker = worse(e.Breaker, breaker)
	}
	if e.Requests > 0 {
		e.ErrorShare = float64(e.Failed) / float64(e.Requests)
	}
	e.P50, e.P95, e.P99 = ms, ms*2.4, ms*4.1
	e.Health = health(e.ErrorShare)
	if c.to == "payments" && fault > 0 && e.Failed > 0 {
		e.Anomaly = "62 % of requests to payments v2 fail, 0.2 % are usual"
		e.Flags["URX"] = e.Failed
	}
	return e
}

// shareOf is the share of requests that a version gets now.
func (s *Shop) shareOf(service string, v mesh.Version) (float64, graph.Breaker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := versionsOf(service)
	weights := map[mesh.Version]float64{}
	for _, v := range all {
		weights[v] = 1
	}
	if stack := s.weights[mesh.ServiceName(service)]; len(stack) > 0 {
		for _, v := range all {
			weights[v] = float64(stack[len(stack)-1][v])
		}
	}
	breaker := graph.Admitting
	for _, d := range s.verdicts {
		if string(d.Target.Service) == service && d.Target.Instance == "" {
			weights[d.Target.Version] *= d.Admit
			if d.Target.Version == v {
				breaker = graph.Breaker(d.Phase)
			}
		}
	}
	var sum float64
	for _, w := range weights {
		sum += w
	}
	if sum == 0 {
		return 0, breaker
	}
	return weights[v] / sum, breaker
}

func ratesOf(rps, bad, ms float64, window time.Duration) graph.Rates {
	requests := uint64(rps * window.Seconds())
	failed := uint64(float64(requests)*bad + 0.5)
	return graph.Rates{RPS: rps, ErrorShare: bad, P50: ms, P95: ms * 2.4, P99: ms * 4.1, Requests: requests, Failed: failed}
}

func addTo(nodes map[string]*graph.Node, e graph.Edge) {
	if nodes[e.Source] == nil {
		nodes[e.Source] = &graph.Node{ID: e.Source, Namespace: mesh.DefaultNamespace, Versions: []graph.Version{}}
	}
	n := nodes[e.Destination]
	if n == nil {
		n = &graph.Node{ID: e.Destination, Namespace: mesh.DefaultNamespace}
		nodes[e.Destination] = n
	}
	if e.Source == "outside" {
		nodes["outside"].Rates = e.Rates
	}
	n.RPS += e.RPS
	n.Requests += e.Requests
	n.Failed += e.Failed
	n.P50, n.P95, n.P99 = max(n.P50, e.P50), max(n.P95, e.P95), max(n.P99, e.P99)
	if n.Requests > 0 {
		n.ErrorShare = float64(n.Failed) / float64(n.Requests)
	}
	if n.Versions == nil {
		n.Versions = slices.Clone(e.Versions)
		return
	}
	for i := range n.Versions {
		n.Versions[i].RPS += e.Versions[i].RPS
		n.Versions[i].Requests += e.Versions[i].Requests
		n.Versions[i].Failed += e.Versions[i].Failed
	}
}

func health(share float64) graph.Health {
	switch {
	case share >= 0.1:
		return graph.Failing
	case share >= 0.001:
		return graph.Degraded
	}
	return graph.Healthy
}

func worse(a, b graph.Breaker) graph.Breaker {
	if a == graph.Tripped || b == graph.Tripped {
		return graph.Tripped
	}
	if a == graph.Probing || b == graph.Probing {
		return graph.Probing
	}
	return graph.Admitting
}
