package compile_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const manifests = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: parcels, namespace: depot}
spec:
  hosts: [parcels, post]
  http:
  - name: testers
    match:
    - headers: {X-Tester: {exact: "yes"}, x-any: {}}
      uri: {prefix: /v2/}
    - method: {regex: GET|HEAD}
    route:
    - destination: {host: parcels, subset: v2}
  - timeout: 10s
    retries: {attempts: 3, perTryTimeout: 2s, retryOn: "5xx, 409"}
    route:
    - destination: {host: parcels, subset: v1}
      weight: 90
    - destination: {host: van.default}
      weight: 10
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: parcels, namespace: depot}
spec:
  host: parcels
  trafficPolicy:
    loadBalancer: {simple: LEAST_CONN}
    connectionPool:
      tcp: {maxConnections: 10, connectTimeout: 250ms}
      http: {http1MaxPendingRequests: 5, http2MaxRequests: 100, maxRetries: 3}
  subsets:
  - {name: v1, labels: {version: v1}}
  - name: v2
    labels: {version: v2}
    trafficPolicy:
      loadBalancer: {simple: ROUND_ROBIN}
      outlierDetection: {consecutive5xxErrors: 5, consecutiveGatewayErrors: 2, interval: 1s, baseEjectionTime: 30s, maxEjectionPercent: 50}
`

func objects(t *testing.T, manifest string) []config.Object {
	t.Helper()
	objs, err := config.Parse([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	return objs
}

func instance(id mesh.InstanceID, s mesh.ServiceName, state mesh.InstanceState) mesh.Instance {
	return mesh.Instance{ID: id, Service: s, Address: netip.MustParseAddrPort("127.0.0.1:15006"), State: state}
}

func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty())
}

func TestSnapshots(t *testing.T) {
	instances := []mesh.Instance{
		instance("b", "parcels.depot", mesh.Ready), instance("c", "parcels.depot", mesh.Starting),
		instance("a", "parcels.depot", mesh.Draining), instance("z", "lone", mesh.Ready),
		instance("d", "parcels.depot", mesh.Caller),
	}
	verdicts := []mesh.Verdict{
		{ID: "2", Target: mesh.Target{Service: "parcels.depot", Version: "v2"}, Phase: mesh.Tripped},
		{ID: "1", Target: mesh.Target{Service: "parcels.depot", Version: "v1"}, Phase: mesh.Probing, Admit: 0.05},
		{ID: "0", Target: mesh.Target{Service: "parcels.depot", Version: "v1"}, Phase: mesh.Released},
	}
	routes := []mesh.Route{
		{
			Name: "testers",
			Matches: []mesh.Match{
				{Path: &mesh.StringMatch{Prefix: "/v2/"}, Headers: map[string]*mesh.StringMatch{"x-tester": {Exact: "yes"}, "x-any": nil}},
				{Method: &mesh.StringMatch{Regex: "GET|HEAD"}},
			},
			Destinations: []mesh.Destination{{Service: "parcels.depot", Subset: "v2", Weight: 100}},
		},
		{
			Name:         "parcels[1]",
			Destinations: []mesh.Destination{{Service: "parcels.depot", Subset: "v1", Weight: 90}, {Service: "van", Weight: 10}},
			Timeout:      10 * time.Second,
			Retry:        &mesh.Retry{Attempts: 3, PerTryTimeout: 2 * time.Second, On: []string{"5xx", "409"}},
		},
	}
	want := map[mesh.ServiceName]mesh.Snapshot{
		"parcels.depot": {
			Service: "parcels.depot", Version: 7, Known: true, Routes: routes,
			Subsets: []mesh.Subset{
				{Name: "v1", Labels: map[string]string{"version": "v1"}},
				{Name: "v2", Labels: map[string]string{"version": "v2"}, Policy: &mesh.Policy{
					LoadBalancer: mesh.RoundRobin,
					Outlier:      &mesh.Outlier{ConsecutiveErrors: 5, ConsecutiveGateway: 2, Interval: time.Second, BaseEjection: 30 * time.Second, MaxEjectedPercent: 50},
				}},
			},
			Policy: mesh.Policy{LoadBalancer: mesh.LeastRequest, Limits: mesh.Limits{
				Connections: 10, Pending: 5, Requests: 100, Retries: 3, ConnectTimeout: 250 * time.Millisecond,
			}},
			Instances: []mesh.Instance{instances[2], instances[0]},
			Verdicts:  []mesh.Verdict{verdicts[1], verdicts[0]},
		},
		"post.depot": {Service: "post.depot", Version: 7, Known: true, Routes: routes},
		"van":        {Service: "van", Version: 7},
		"lone":       {Service: "lone", Version: 7, Known: true, Instances: []mesh.Instance{instances[3]}},
	}
	objs := objects(t, manifests)
	got := compile.Snapshots(objs, instances, verdicts, 7)
	if d := diff(want, got); d != "" {
		t.Errorf("Snapshots (-want +got):\n%s", d)
	}
	for range 20 { // maps inside must not show
		if d := diff(got, compile.Snapshots([]config.Object{objs[1], objs[0]}, instances, verdicts, 7)); d != "" {
			t.Fatalf("another order of resources gives\n%s", d)
		}
	}
}

func TestClosure(t *testing.T) {
	to := func(names ...mesh.ServiceName) (out []mesh.Route) {
		for _, n := range names {
			out = append(out, mesh.Route{Destinations: []mesh.Destination{{Service: n}}})
		}
		return out
	}
	all := map[mesh.ServiceName]mesh.Snapshot{
		"a": {Service: "a", Known: true, Routes: to("b")},
		"b": {Service: "b", Known: true, Routes: to("c", "a")}, // a circle
		"c": {Service: "c", Known: true},
		"d": {Service: "d", Known: true},
	}
	tests := []struct{ want, got []mesh.ServiceName }{
		{nil, nil},
		{[]mesh.ServiceName{"a", "b", "c"}, []mesh.ServiceName{"a"}},
		{[]mesh.ServiceName{"d", "x"}, []mesh.ServiceName{"x", "d", "d"}},
	}
	for _, tt := range tests {
		var names []mesh.ServiceName
		for _, s := range compile.Closure(all, tt.got) {
			names = append(names, s.Service)
			if s.Known != (s.Service != "x") {
				t.Errorf("%s: known %v", s.Service, s.Known)
			}
		}
		if d := diff(tt.want, names); d != "" {
			t.Errorf("Closure(%v) (-want +got):\n%s", tt.got, d)
		}
	}
}

func TestUnchangedSnapshotsKeepTheirVersion(t *testing.T) {
	objs := objects(t, manifests)
	before := compile.Snapshots(objs, []mesh.Instance{instance("z", "lone", mesh.Ready)}, nil, 1)
	got, same := map[mesh.ServiceName]uint64{}, map[mesh.ServiceName]bool{}
	after := map[mesh.ServiceName]mesh.Snapshot{}
	for name, next := range compile.Snapshots(objs, []mesh.Instance{
		instance("z", "lone", mesh.Ready), instance("v", "van", mesh.Ready),
	}, nil, 2) {
		after[name] = compile.Kept(before, next)
		got[name], same[name] = after[name].Version, compile.Same(before, after, name)
	}
	if d := diff(map[mesh.ServiceName]uint64{"lone": 1, "parcels.depot": 1, "post.depot": 1, "van": 2}, got); d != "" {
		t.Errorf("versions (-want +got):\n%s", d)
	}
	if d := diff(map[mesh.ServiceName]bool{"lone": true, "parcels.depot": true, "post.depot": true, "van": false}, same); d != "" {
		t.Errorf("same (-want +got):\n%s", d)
	}
	if delete(after, "lone"); compile.Same(before, after, "lone") || !compile.Same(before, after, "nobody") {
		t.Error("a service that went counts as the same, or one that never was as changed")
	}
}

func TestSLOs(t *testing.T) {
	slo := func(ns, name string) config.Object { return config.Object{SLO: &mesh.SLO{Namespace: ns, Name: name}} }
	var got []string
	for _, s := range compile.SLOs([]config.Object{slo("b", "a"), {}, slo("a", "z"), slo("a", "b")}) {
		got = append(got, s.Namespace+"/"+s.Name)
	}
	if d := diff([]string{"a/b", "a/z", "b/a"}, got); d != "" {
		t.Errorf("SLOs (-want +got):\n%s", d)
	}
}
