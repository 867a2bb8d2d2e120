package wire_test

import (
	"net/netip"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/previous"
)

// To a sidecar of the previous version a prefix of whole elements is no path that it knows
// of, and a match without a path fits every request.
func TestElementsHoldInThePreviousVersion(t *testing.T) {
	t.Parallel()
	file, err := previous.File()
	if err != nil {
		t.Fatal(err)
	}
	now := mesh.Snapshot{Service: "a", Routes: []mesh.Route{{Matches: []mesh.Match{{Path: &mesh.StringMatch{Elements: "/a.b/(c)"}}}}}}
	raw, err := proto.Marshal(wire.FromSnapshot(now))
	if err != nil {
		t.Fatal(err)
	}
	old := dynamicpb.NewMessage(file.Messages().ByName("Snapshot"))
	if err := proto.Unmarshal(raw, old); err != nil {
		t.Fatal(err)
	}
	old.SetUnknown(nil)
	first := func(m protoreflect.Message, name protoreflect.Name) protoreflect.Message {
		return m.Get(m.Descriptor().Fields().ByName(name)).List().Get(0).Message()
	}
	match := first(first(old, "routes"), "matches")
	path := match.Get(match.Descriptor().Fields().ByName("path")).Message()
	pattern, err := regexp.Compile(`\A(?:` + path.Get(path.Descriptor().Fields().ByName("regex")).String() + `)\z`) // as sidecars do
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{
		"/a.b/(c)": true, "/a.b/(c)/": true, "/a.b/(c)/d/e": true,
		"/a.b/(c)d": false, "/axb/(c)": false, "/a.b/c": false, "/": false, "": false, "/x/a.b/(c)": false,
	} {
		if got := pattern.MatchString(p); got != want {
			t.Errorf("%s fits %q: %v", pattern, p, got)
		}
	}
	var m wire.Snapshot
	if err := proto.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	got, err := wire.ToSnapshot(&m)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(now.Routes, got.Routes); d != "" {
		t.Errorf("changed for this version (-sent +got):\n%s", d)
	}
}

// To a sidecar of the previous version a service with several ports has one: the first, of
// the instances and of what is routed.
func TestPortsInThePreviousVersion(t *testing.T) {
	t.Parallel()
	file, err := previous.File()
	if err != nil {
		t.Fatal(err)
	}
	ports := []mesh.Port{{Number: 8080, Name: "http"}, {Number: 9090, Name: "grpc"}}
	now := mesh.Snapshot{
		Service: "a", Known: true,
		Instances: []mesh.Instance{{
			ID: "a-1", Service: "a", Address: netip.MustParseAddrPort("10.0.0.1:15006"), State: mesh.Ready, AppPort: 8080, AppProtocol: mesh.HTTP, Ports: ports,
		}},
		Ports:        []mesh.ServicePort{{Port: ports[0]}, {Port: ports[1], Group: 9090}},
		PortPolicies: []mesh.PortPolicy{{Port: 9090, Policy: mesh.Policy{LoadBalancer: mesh.RoundRobin}}},
		Routes:       []mesh.Route{{Name: "r", Destinations: []mesh.Destination{{Service: "a", Port: 9090, Weight: 1}}}},
	}
	then := now
	then.Ports, then.PortPolicies = nil, nil
	then.Instances = []mesh.Instance{now.Instances[0]}
	then.Instances[0].Ports = nil
	then.Routes = []mesh.Route{{Name: "r", Destinations: []mesh.Destination{{Service: "a", Weight: 1}}}}
	raw, err := proto.Marshal(wire.FromSnapshot(now))
	if err != nil {
		t.Fatal(err)
	}
	old := dynamicpb.NewMessage(file.Messages().ByName("Snapshot"))
	if err := proto.Unmarshal(raw, old); err != nil {
		t.Fatal(err)
	}
	forget(old)
	if raw, err = proto.Marshal(old); err != nil {
		t.Fatal(err)
	}
	var m wire.Snapshot
	if err := proto.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	got, err := wire.ToSnapshot(&m)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(then, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("understood as (-want +got):\n%s", d)
	}
}

// forget takes out of a message all that its schema does not know.
func forget(m protoreflect.Message) {
	m.SetUnknown(nil)
	for f, v := range m.Range {
		switch {
		case f.IsMap() || f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				forget(v.List().Get(i).Message())
			}
		default:
			forget(v.Message())
		}
	}
}
