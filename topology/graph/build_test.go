package graph_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
)

func minute() signal.Window {
	start := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	return signal.Window{Start: start, End: start.Add(time.Minute)}
}

// call is an edge of n requests of 10 ms each, all over mutual TLS.
func call(source, destination, version string, n, failed uint64) signal.Edge {
	e := signal.Edge{
		Source: source, SourceVersion: "v1", Destination: destination, DestinationVersion: version,
		Instance: destination + "-" + version + "-1", Protocol: "http/1.1", Requests: n, Failed: failed, MTLS: n,
	}
	if source == "" {
		e.SourceVersion, e.MTLS = "", 0
	}
	for range n {
		e.Durations.Observe(10)
	}
	return e
}

func shopEdges() []signal.Edge {
	unreached := signal.Edge{
		Source: "web", SourceVersion: "v1", Destination: "pay.bank", Protocol: "http/1.1", Requests: 5, Failed: 5,
		Flags: map[string]uint64{"UH": 5},
	}
	return []signal.Edge{
		call("", "web", "v1", 600, 0), call("web", "pay.bank", "v1", 300, 0), call("web", "pay.bank", "v2", 60, 30), unreached,
	}
}

func TestBuild(t *testing.T) {
	g := graph.Build(minute(), shopEdges(), graph.Overlay{
		Verdicts: []mesh.Verdict{
			{Target: mesh.Target{Service: "pay.bank", Version: "v2"}, Phase: mesh.Tripped},
			{Target: mesh.Target{Service: "pay.bank", Instance: "pay.bank-v2-1"}, Phase: mesh.Probing},
			{Target: mesh.Target{Service: "web", Version: "v1"}, Phase: mesh.Released},
			{Target: mesh.Target{Service: "gone"}, Phase: mesh.Tripped},
		},
		Anomalies: []mesh.Observation{
			{Target: mesh.Target{Service: "pay.bank", Version: "v2"}, Anomaly: &mesh.Anomaly{Detail: "half fail"}},
			{Target: mesh.Target{Service: "web", Version: "v1"}},
		},
	})
	rates := func(n, failed uint64) graph.Rates {
		return graph.Rates{RPS: float64(n) / 60, ErrorShare: float64(failed) / float64(n), P50: 10, P95: 10, P99: 10, Requests: n, Failed: failed}
	}
	v := func(name, instance string, b graph.Breaker, h graph.Health, r graph.Rates) graph.Version {
		return graph.Version{Version: name, Instances: []string{instance}, Breaker: b, Health: h, Rates: r}
	}
	pay := []graph.Version{
		v("v1", "pay.bank-v1-1", graph.Admitting, graph.Healthy, rates(300, 0)),
		v("v2", "pay.bank-v2-1", graph.Tripped, graph.Failing, rates(60, 30)),
	}
	web := []graph.Version{v("v1", "web-v1-1", graph.Admitting, graph.Healthy, rates(600, 0))}
	want := &graph.Graph{
		Start: minute().Start, End: minute().End,
		Nodes: []graph.Node{
			{ID: "outside", Health: graph.Healthy, Rates: rates(600, 0)},
			{ID: "pay.bank", Namespace: "bank", Health: graph.Degraded, Rates: rates(365, 35), Versions: pay},
			{ID: "web", Namespace: "default", Health: graph.Healthy, Rates: rates(600, 0), Versions: web},
		},
		Edges: []graph.Edge{
			{ID: "outside→web", Source: "outside", Destination: "web", Protocol: "http/1.1", Health: graph.Healthy, Breaker: graph.Admitting, Versions: web, Rates: rates(600, 0)},
			{
				ID: "web→pay.bank", Source: "web", Destination: "pay.bank", Protocol: "http/1.1", MTLSShare: 1, Flags: map[string]uint64{"UH": 5},
				Health: graph.Degraded, Breaker: graph.Tripped, Anomaly: "half fail", Versions: pay, Rates: rates(365, 35),
			},
		},
	}
	// A quantile is read from a bucket: within 4.5 %.
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 0.1*math.Max(math.Abs(a), math.Abs(b)) })
	if diff := cmp.Diff(want, g, near, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("Build (-want +got):\n%s", diff)
	}
}

func TestBuildIgnoresOrder(t *testing.T) {
	edges := shopEdges()
	want, err := json.Marshal(graph.Build(minute(), edges, graph.Overlay{}))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(edges)
	got, err := json.Marshal(graph.Build(minute(), edges, graph.Overlay{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("another order of edges gives (-want +got):\n%s", diff)
	}
}

func TestBuildShowsVerdictsWithoutTraffic(t *testing.T) {
	g := graph.Build(minute(), []signal.Edge{call("web", "pay", "v1", 10, 0)}, graph.Overlay{Verdicts: []mesh.Verdict{
		{Target: mesh.Target{Service: "pay", Version: "v2"}, Phase: mesh.Probing},
		{Target: mesh.Target{Service: "web"}, Phase: mesh.Tripped},
	}})
	if got := g.Edges[0].Breaker; got != graph.Probing {
		t.Errorf("the edge is %q, want probing", got)
	}
	if got := g.Nodes[0].Versions; len(got) != 2 || got[1].Breaker != graph.Probing || got[1].Health != graph.Idle {
		t.Errorf("versions = %+v, want an idle v2 that is probing", got)
	}
	if got := g.Nodes[1].Versions[0].Breaker; got != graph.Tripped {
		t.Errorf("a version of a tripped service is %q", got)
	}
}

func TestBuildOfNothing(t *testing.T) {
	got, err := json.Marshal(graph.Build(signal.Window{}, nil, graph.Overlay{}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"start":"0001-01-01T00:00:00Z","end":"0001-01-01T00:00:00Z","nodes":[],"edges":[]}`
	if string(got) != want {
		t.Errorf("Build = %s, want %s", got, want)
	}
}

func TestMTLSShare(t *testing.T) {
	plain := call("web", "pay", "v1", 10, 0)
	plain.MTLS = 4
	if got := graph.Build(minute(), []signal.Edge{plain}, graph.Overlay{}).Edges[0].MTLSShare; got != 0.4 {
		t.Errorf("MTLSShare = %v, want 0.4", got)
	}
	unreached := signal.Edge{Source: "web", Destination: "pay", Requests: 3, Failed: 3}
	if got := graph.Build(minute(), []signal.Edge{unreached}, graph.Overlay{}).Edges[0].MTLSShare; got != 1 {
		t.Errorf("MTLSShare of an edge that reached nobody = %v, want 1", got)
	}
}
