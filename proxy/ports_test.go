package proxy

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/serve"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

func TestWhatIsSpokenOnAPort(t *testing.T) {
	c := Config{AppProtocol: mesh.HTTP2, Ports: []mesh.Port{
		{Number: 1},
		{Number: 2},
		{Number: 3, Name: "grpc-api"},
		{Number: 4, Name: "tcp-db", Protocol: mesh.TLS},
		{Number: 5, Name: "http-web"},
		{Number: 6, Name: "admin"},
		{Number: 7, Name: "grpc-web"},
		{Number: 8, Name: "https"},
		{Number: 9, Name: "redis"},
	}}
	want := []mesh.AppProtocol{mesh.HTTP2, "", mesh.GRPC, mesh.TLS, mesh.HTTP, "", mesh.HTTP, mesh.TLS, mesh.TCP}
	told, apps := c.announced(mesh.Instance{}), c.apps()
	for i, p := range told.Ports {
		if p.Protocol != want[i] || apps[i].Protocol != want[i] {
			t.Errorf("port %s: %q is told, %q is spoken; want %q", p, p.Protocol, apps[i].Protocol, want[i])
		}
	}
	if told.AppPort != 1 || told.AppProtocol != mesh.HTTP2 || apps[2] != (serve.App{Address: "127.0.0.1:3", Protocol: mesh.GRPC}) {
		t.Errorf("told %+v, apps %+v", told, apps)
	}
	if lone := (Config{Ports: c.Ports[:1]}).announced(mesh.Instance{}); lone.AppPort != 1 || lone.Ports != nil {
		t.Errorf("an only port without a name is told as %+v", lone)
	}
}

func TestAppsAreFoundByEveryPort(t *testing.T) {
	at := appAddresses([]mesh.Snapshot{{Service: "hello", Instances: []mesh.Instance{
		{Address: netip.MustParseAddrPort("10.0.0.1:15006"), AppPort: 8080, Ports: []mesh.Port{{Number: 8080}, {Number: 9090}}},
		{Address: netip.MustParseAddrPort("10.0.0.2:15006"), AppPort: 7070},
		{Address: netip.MustParseAddrPort("10.0.0.3:15006")},
	}}})
	var got []string
	for a := range at {
		got = append(got, a.String())
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"10.0.0.1:8080", "10.0.0.1:9090", "10.0.0.2:7070"}) {
		t.Errorf("found at %v", got)
	}
}

func TestUpstreamIsAPort(t *testing.T) {
	p, err := portOf("hello:9090", Upstream{Protocol: mesh.GRPC}, "shop")
	if err != nil || p != (serve.Port{Service: "hello.shop", Number: 9090, Protocol: mesh.GRPC}) {
		t.Errorf("%+v, %v", p, err)
	}
	if got := listenerOf(p); got != "upstream hello.shop:9090" {
		t.Errorf("its listener is handed over as %q", got)
	}
}

// There is no label for ports: of an instance the port in the worst state is told.
func TestBreakerMetricHasOneSampleForEachInstance(t *testing.T) {
	state := func(id mesh.InstanceID, port uint16, breaker string) upstream.InstanceState {
		return upstream.InstanceState{Service: "hello", Instance: id, Port: port, Breaker: breaker}
	}
	f := breakers([]upstream.InstanceState{
		state("a", 0, "admitting"), state("a", 9090, "tripped"), state("a", 9091, "probing"), state("b", 0, "probing"), state("b", 9090, "admitting"),
	})
	var got []string
	for _, s := range f.Samples {
		got = append(got, s.Labels[2].Value+" "+s.Labels[3].Value)
	}
	if !slices.Equal(got, []string{"a tripped", "b probing"}) {
		t.Errorf("samples %q", got)
	}
}
