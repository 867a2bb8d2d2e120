package graph

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Outside is the node that stands for callers without a sidecar.
const Outside = "outside"

// Overlay is what is laid over the traffic.
type Overlay struct {
	Verdicts  []mesh.Verdict
	Anomalies []mesh.Observation // those without an anomaly are passed over
}

// Kiali's thresholds of the failed share.
const (
	failingFrom  = 0.1
	degradedFrom = 0.001
)

// Build makes the graph of the calls seen in a window. The edges may hold a pair of
// caller and callee more than once, for its versions and instances.
func Build(w signal.Window, edges []signal.Edge, o Overlay) *Graph {
	b := builder{
		seconds: max(w.End.Sub(w.Start).Seconds(), 1),
		nodes:   make(map[string]*nodeTally),
		edges:   make(map[[2]string]*edgeTally),
	}
	for _, e := range edges {
		b.add(e)
	}
	for _, v := range o.Verdicts {
		if v.Phase != mesh.Released {
			b.verdict(v)
		}
	}
	for _, a := range o.Anomalies {
		if a.Anomaly != nil {
			b.anomaly(a)
		}
	}
	return &Graph{Start: w.Start, End: w.End, Nodes: b.allNodes(), Edges: b.allEdges()}
}

// tally is what is added up for a node, an edge or a version.
type tally struct {
	requests, failed uint64
	durations        signal.Histogram
}

func (t *tally) add(e signal.Edge) {
	t.requests += e.Requests
	t.failed += e.Failed
	t.durations.Merge(e.Durations)
}

func (t *tally) rates(seconds float64) Rates {
	r := Rates{
		RPS: float64(t.requests) / seconds, Requests: t.requests, Failed: t.failed,
		P50: t.durations.Quantile(0.5), P95: t.durations.Quantile(0.95), P99: t.durations.Quantile(0.99),
	}
	if t.requests > 0 {
		r.ErrorShare = float64(t.failed) / float64(t.requests)
	}
	return r
}

type versionTally struct {
	tally
	instances map[string]bool
	breaker   Breaker
}

type nodeTally struct {
	received, sent tally
	versions       map[string]*versionTally
	whole          Breaker // of a verdict on the whole service
}

type edgeTally struct {
	tally
	reached, mtls uint64
	protocols     map[string]uint64
	flags         map[string]uint64
	versions      map[string]*versionTally
	anomaly       string
}

type builder struct {
	seconds float64
	nodes   map[string]*nodeTally
	edges   map[[2]string]*edgeTally
}

func (b *builder) node(id string) *nodeTally {
	n, ok := b.nodes[id]
	if !ok {
		n = &nodeTally{versions: make(map[string]*versionTally)}
		b.nodes[id] = n
	}
	return n
}

func version(all map[string]*versionTally, name string) *versionTally {
	v, ok := all[name]
	if !ok {
		v = &versionTally{instances: make(map[string]bool)}
		all[name] = v
	}
	return v
}

func (b *builder) add(e signal.Edge) {
	source := e.Source
	if source == "" {
		source = Outside
	}
	from, to := b.node(source), b.node(e.Destination)
	from.sent.add(e)
	to.received.add(e)
	if e.SourceVersion != "" {
		version(from.versions, e.SourceVersion)
	}
	key := [2]string{source, e.Destination}
	edge, ok := b.edges[key]
	if !ok {
		edge = &edgeTally{protocols: map[string]uint64{}, flags: map[string]uint64{}, versions: map[string]*versionTally{}}
		b.edges[key] = edge
	}
	edge.add(e)
	edge.protocols[e.Protocol] += e.Requests
	for f, n := range e.Flags {
		edge.flags[f] += n
	}
	if e.Instance != "" {
		edge.reached += e.Requests
		edge.mtls += e.MTLS
	}
	if e.DestinationVersion == "" && e.Instance == "" {
		return // no instance was reached: no version answers for it
	}
	for _, v := range []*versionTally{version(to.versions, e.DestinationVersion), version(edge.versions, e.DestinationVersion)} {
		v.add(e)
		if e.Instance != "" {
			v.instances[e.Instance] = true
		}
	}
}

// verdict lays a verdict over its service. One on an instance shows on the version.
func (b *builder) verdict(v mesh.Verdict) {
	n, ok := b.nodes[string(v.Target.Service)]
	if !ok {
		return
	}
	state := Tripped
	if v.Phase == mesh.Probing {
		state = Probing
	}
	name := string(v.Target.Version)
	if name == "" && v.Target.Instance != "" {
		name = versionOf(n, string(v.Target.Instance))
	}
	if name == "" {
		n.whole = worse(n.whole, state)
		return
	}
	of := version(n.versions, name)
	of.breaker = worse(of.breaker, state)
}

func versionOf(n *nodeTally, instance string) string {
	for name, v := range n.versions {
		if v.instances[instance] {
			return name
		}
	}
	return ""
}

func (b *builder) anomaly(o mesh.Observation) {
	for key, e := range b.edges {
		if key[1] != string(o.Target.Service) {
			continue
		}
		if _, called := e.versions[string(o.Target.Version)]; called || o.Target.Version == "" {
			e.anomaly = o.Anomaly.Detail
		}
	}
}

func (b *builder) allNodes() []Node {
	out := make([]Node, 0, len(b.nodes))
	for _, id := range slices.Sorted(maps.Keys(b.nodes)) {
		n := b.nodes[id]
		t := &n.received
		if t.requests == 0 {
			t = &n.sent
		}
		rates := t.rates(b.seconds)
		out = append(out, Node{
			ID: id, Namespace: namespace(id), Health: health(rates), Rates: rates,
			Versions: b.allVersions(n.versions, n),
		})
	}
	return out
}

func namespace(id string) string {
	if id == Outside {
		return ""
	}
	return mesh.ServiceName(id).Namespace()
}

func (b *builder) allVersions(versions map[string]*versionTally, n *nodeTally) []Version {
	out := make([]Version, 0, len(versions))
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		v := versions[name]
		state := n.whole
		if whole, ok := n.versions[name]; ok {
			state = worse(state, whole.breaker)
		}
		rates := v.rates(b.seconds)
		instances := slices.AppendSeq(make([]string, 0, len(v.instances)), maps.Keys(v.instances))
		slices.Sort(instances)
		out = append(out, Version{
			Version: name, Instances: instances,
			Breaker: worse(Admitting, state), Health: health(rates), Rates: rates,
		})
	}
	return out
}

func (b *builder) allEdges() []Edge {
	out := make([]Edge, 0, len(b.edges))
	for key, e := range b.edges {
		rates := e.rates(b.seconds)
		to := b.nodes[key[1]]
		breaker := worse(Admitting, to.whole)
		for _, v := range to.versions { // a tripped version may have no traffic to show it by
			breaker = worse(breaker, v.breaker)
		}
		out = append(out, Edge{
			ID: key[0] + "→" + key[1], Source: key[0], Destination: key[1],
			Protocol: most(e.protocols), MTLSShare: share(e.mtls, e.reached), Flags: e.flags,
			Health: health(rates), Breaker: breaker, Anomaly: e.anomaly,
			Versions: b.allVersions(e.versions, to), Rates: rates,
		})
	}
	slices.SortFunc(out, func(x, y Edge) int { return cmp.Compare(x.ID, y.ID) })
	return out
}

// share is part of whole. Of nothing it is 1: nothing went in the clear.
func share(part, whole uint64) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

// most is the key with the largest count, the smallest such key where there are two.
func most(counts map[string]uint64) string {
	best := ""
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		if best == "" || counts[k] > counts[best] {
			best = k
		}
	}
	return best
}

func health(r Rates) Health {
	switch {
	case r.Requests == 0:
		return Idle
	case r.ErrorShare >= failingFrom:
		return Failing
	case r.ErrorShare >= degradedFrom:
		return Degraded
	}
	return Healthy
}

// worse is the state that keeps more traffic away.
func worse(a, b Breaker) Breaker {
	rank := func(s Breaker) int { return slices.Index([]Breaker{"", Admitting, Probing, Tripped}, s) }
	if rank(b) > rank(a) {
		return b
	}
	return a
}
