package compile_test

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func ported(id mesh.InstanceID, ports ...mesh.Port) mesh.Instance {
	i := instance(id, "hello", mesh.Ready)
	i.Ports = ports
	if len(ports) > 0 {
		i.AppPort, i.AppProtocol = ports[0].Number, ports[0].Protocol
	}
	return i
}

func one(number uint16, name string) mesh.Port { return mesh.Port{Number: number, Name: name} }

func TestPortsOfAService(t *testing.T) {
	old := func(id mesh.InstanceID, port uint16) mesh.Instance { // a sidecar that knows of one port
		i := ported(id)
		i.AppPort = port
		return i
	}
	for name, c := range map[string]struct {
		instances []mesh.Instance
		want      []mesh.ServicePort
	}{
		"none":     {[]mesh.Instance{ported("a")}, nil},
		"one":      {[]mesh.Instance{ported("a", one(8080, "http")), old("b", 8080)}, nil},
		"one each": {[]mesh.Instance{ported("a", one(8080, "")), old("b", 8081)}, nil}, // as on one machine
		"two": {[]mesh.Instance{ported("a", one(8080, ""), one(9090, "grpc")), old("b", 8080)}, []mesh.ServicePort{
			{Port: one(8080, "")}, {Port: one(9090, "grpc"), Group: 9090},
		}},
		"two on one machine": {[]mesh.Instance{
			ported("a", one(8081, "http"), one(9091, "grpc")), ported("b", one(8080, "http"), one(9090, "grpc")),
		}, []mesh.ServicePort{
			{Port: one(8080, "http")},
			{Port: one(8081, "http")},
			{Port: one(9090, "grpc"), Group: 9090},
			{Port: one(9091, "grpc"), Group: 9090},
		}},
		"first of one is later of the other": {[]mesh.Instance{ported("a", one(8080, "")), ported("b", one(8081, ""), one(8080, ""))}, []mesh.ServicePort{
			{Port: one(8080, ""), Group: 8080}, {Port: one(8081, ""), Group: 8081},
		}},
		"first ones have two names": {[]mesh.Instance{ported("a", one(8080, "http")), ported("b", one(9090, "grpc"))}, []mesh.ServicePort{
			{Port: one(8080, "http"), Group: 8080}, {Port: one(9090, "grpc"), Group: 9090},
		}},
		"a protocol that not all say": {[]mesh.Instance{
			ported("a", one(8080, ""), mesh.Port{Number: 9090, Protocol: mesh.GRPC}), ported("b", one(8080, ""), one(9090, "")),
		}, []mesh.ServicePort{{Port: one(8080, "")}, {Port: one(9090, ""), Group: 9090}}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := diff(c.want, compile.Snapshots(nil, c.instances, nil, 1)["hello"].Ports); d != "" {
				t.Error(d)
			}
		})
	}
}

// What is not ready has its ports all the same: a request for one then waits for an
// instance and not for a name.
func TestPortsOfWhatIsNotReady(t *testing.T) {
	i := ported("a", one(8080, ""), one(9090, "grpc"))
	i.State = mesh.Starting
	s := compile.Snapshots(nil, []mesh.Instance{i}, nil, 1)["hello"]
	if len(s.Ports) != 2 || len(s.Instances) != 0 {
		t.Errorf("ports %v, instances %v", s.Ports, s.Instances)
	}
}

func TestPortsInManifests(t *testing.T) {
	got := compile.Snapshots(objects(t, `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: hello}
spec:
  hosts: [hello]
  http:
  - match: [{port: 8080}]
    route: [{destination: {host: hello, subset: v1, port: {number: 9090}}}]
    mirror: {host: shadow, port: {number: 9091}}
  tcp:
  - route: [{destination: {host: hello, port: {number: 5432}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: hello}
spec:
  host: hello
  trafficPolicy:
    portLevelSettings:
    - port: {number: 9090}
      connectionPool: {http: {http2MaxRequests: 7}}
  subsets:
  - name: v1
    labels: {version: v1}
    trafficPolicy:
      portLevelSettings:
      - port: {number: 8080}
        loadBalancer: {simple: RANDOM}
---
apiVersion: sightline.dev/v1alpha1
kind: HealthCheck
metadata: {name: hello}
spec: {service: hello, port: 8081, http: {path: /healthz}}
`), nil, nil, 1)["hello"]
	r := got.Routes[0]
	if r.Matches[0].Port != 8080 || r.Destinations[0].Port != 9090 || r.Mirrors[0].Port != 9091 || got.Streams[0].Destinations[0].Port != 5432 {
		t.Errorf("routes %+v, streams %+v", r, got.Streams)
	}
	if d := diff([]mesh.PortPolicy{{Port: 9090, Policy: mesh.Policy{Limits: mesh.Limits{Requests: 7}}}}, got.PortPolicies); d != "" {
		t.Error(d)
	}
	if d := diff([]mesh.PortPolicy{{Port: 8080, Policy: mesh.Policy{LoadBalancer: mesh.Random}}}, got.Subsets[0].PortPolicies); d != "" {
		t.Error(d)
	}
	if got.Policy.HealthCheck.Port != 8081 {
		t.Errorf("health check %+v", got.Policy.HealthCheck)
	}
}

// TestAServiceSaysWhichPortItsOwnIs by a name or by a number.
func TestAServiceSaysWhichPortItsOwnIs(t *testing.T) {
	i := ported("web-1", one(8080, "http"), one(9090, "api"))
	i.Service = "web.shop"
	for ports, want := range map[string]map[uint16]uint16{
		"[{port: 70, targetPort: 9090}]":                                                {70: 9090},
		"[{name: a, port: 70, targetPort: api}, {name: b, port: 71, targetPort: 8080}]": {70: 9090, 71: 8080},
	} {
		objs := objects(t, "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: "+ports+"}\n")
		s := compile.Snapshots(objs, []mesh.Instance{i}, nil, 1)["web.shop"]
		for number, same := range want {
			got, ok := s.Group(number)
			if g, has := s.Group(same); !ok || !has || got != g {
				t.Errorf("%s: port %d is not %d: %+v", ports, number, same, s.Ports)
			}
		}
		if a, b := s.Ports[0], s.Ports[len(s.Ports)-1]; a.Group == b.Group {
			t.Errorf("%s: all is one port: %+v", ports, s.Ports)
		}
	}
}
