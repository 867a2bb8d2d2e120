package compile

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// shapesOf are manifests of every kind that says something of services. A word in capitals
// stands for a choice, NAME for the resource's own name.
var shapesOf = []string{
	`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: NAME, namespace: SPACE}, spec: {hosts: [HOST, HOST], http: [{timeout: NUMs, route: [{destination: {host: HOST}}], mirror: {host: HOST}}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: NAME, namespace: SPACE}, spec: {hosts: [HOST], http: [{delegate: {name: NAMED, namespace: SPACE}}, {match: [{uri: {prefix: /NUM}}], delegate: {name: NAMED}}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: NAME, namespace: SPACE}, spec: {http: [{route: [{destination: {host: HOST, subset: vNUM}}]}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: NAME, namespace: SPACE}, spec: {hosts: [HOST], tcp: [{route: [{destination: {host: HOST}}]}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: NAME, namespace: SPACE}, spec: {host: HOST, trafficPolicy: {connectionPool: {tcp: {maxConnections: NUM}}}, subsets: [{name: vNUM, labels: {version: vNUM}}]}}`,
	`{apiVersion: sightline.dev/v1alpha1, kind: HealthCheck, metadata: {name: NAME, namespace: SPACE}, spec: {service: HOST, http: {path: /NUM}}}`,
	`{apiVersion: sightline.dev/v1alpha1, kind: Hedge, metadata: {name: NAME, namespace: SPACE}, spec: {service: HOST, after: 5NUMms}}`,
	`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: NAME, namespace: SPACE}, spec: {parentRefs: [{group: "", kind: Service, name: sNUM, namespace: SPACE, port: 80}], rules: [{backendRefs: [{name: sNUM, port: 80}]}]}}`,
	`{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: NAME, namespace: SPACE}, spec: {parentRefs: [{group: "", kind: Service, name: sNUM, namespace: SPACE, port: 80}], rules: [{backendRefs: [{name: sNUM, port: 80}]}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: NAME, namespace: SPACE}, spec: {hosts: [HOST, HOST], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 8NUM, name: http, protocol: HTTP}, {number: 9NUM, name: grpc, protocol: GRPC}], endpoints: [{address: 10.0.0.NUM, ports: {grpc: 7NUM}}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: NAME, namespace: SPACE}, spec: {hosts: [HOST, api.example.com], location: MESH_EXTERNAL, resolution: DNS, ports: [{number: 8NUM, name: http, protocol: HTTP}], workloadSelector: {labels: {tier: tNUM}}}}`,
	`{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: NAME, namespace: SPACE}, spec: {address: 10.0.1.NUM, labels: {tier: tNUM, app: aNUM}}}`,
	`{apiVersion: v1, kind: Service, metadata: {name: sNUM, namespace: SPACE}, spec: {selector: {tier: tNUM}, ports: [{name: http, port: 8NUM, targetPort: 8080}, {name: grpc, port: 9NUM, targetPort: grpc}]}}`,
	`{apiVersion: v1, kind: Service, metadata: {name: sNUM, namespace: SPACE}, spec: {selector: {app: aNUM}, ports: [{name: http, port: 8NUM, targetPort: 8080}]}}`,
	`{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: NAME, namespace: SPACE}, spec: {selector: {matchLabels: {tier: tNUM}}, mtls: {mode: MODE}, portLevelMtls: {8080: {mode: MODE}}}}`,
	`{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: NAME, namespace: SPACE}, spec: {mtls: {mode: MODE}}}`,
	`{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: NAME, namespace: istio-system}, spec: {mtls: {mode: MODE}}}`,
	`{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: NAME, namespace: SPACE}, spec: {tracing: [{randomSamplingPercentage: NUM}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: NAME, namespace: SPACE}, spec: {egress: [{hosts: ["SPACE/*"]}]}}`,
	`{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: NAME, namespace: SPACE}, spec: {action: DENY, rules: [{to: [{operation: {ports: ["NUM"]}}]}]}}`,
}

var spaces = []string{"default", "shop"}

// resource is one of a few of any kind.
func resource(t *testing.T, rnd *rand.Rand) config.Object {
	t.Helper()
	kind := rnd.IntN(len(shapesOf))
	text := shapesOf[kind]
	for word, choose := range map[string]func() string{
		"NAMED": func() string { return fmt.Sprintf("r2-%d", rnd.IntN(2)) },
		"NAME}": func() string { return fmt.Sprintf("r%d-%d}", kind, rnd.IntN(2)) },
		"NAME,": func() string { return fmt.Sprintf("r%d-%d,", kind, rnd.IntN(2)) },
		"SPACE": func() string { return spaces[rnd.IntN(2)] },
		"HOST":  func() string { return fmt.Sprintf("s%d.%s", rnd.IntN(4), spaces[rnd.IntN(2)]) },
		"NUM":   func() string { return strconv.Itoa(1 + rnd.IntN(4)) },
		"MODE":  func() string { return []string{"STRICT", "DISABLE", "PERMISSIVE", "UNSET"}[rnd.IntN(4)] },
	} {
		for strings.Contains(text, word) {
			text = strings.Replace(text, word, choose(), 1)
		}
	}
	objs, err := config.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	objs[0].Created = int64(1 + rnd.IntN(3))
	return objs[0]
}

// running are workloads that belong to services of their own, and to those that select them.
func running(rnd *rand.Rand) (out []mesh.Instance) {
	for n := range 16 {
		out = append(out, mesh.Instance{
			ID: mesh.InstanceID(fmt.Sprintf("i%02d", n)), State: mesh.Ready, AppPort: 8080, Origin: []string{"", "", "", "file"}[n%4],
			Service: mesh.NewServiceName(fmt.Sprintf("s%d", rnd.IntN(4)), spaces[n%2]), Address: netip.MustParseAddrPort("127.0.0.1:80"),
			Labels: map[string]string{"tier": fmt.Sprintf("t%d", 1+rnd.IntN(4)), "app": fmt.Sprintf("a%d", 1+rnd.IntN(4))},
		})
	}
	return out
}

// atOnce is the base of all resources, made of them together: it knows nothing of what a
// change touches.
func atOnce(objs []config.Object) *Base {
	sorted := slices.SortedFunc(slices.Values(config.Delegated(objs)), func(x, y config.Object) int { return cmp.Compare(x.Key(), y.Key()) })
	b := builder{snaps: map[mesh.ServiceName]*mesh.Snapshot{}}
	b.all(sorted, "")
	out := NewBase("")
	out.modes = config.NewPeerModes(objs)
	for name, s := range b.snaps {
		out.snaps[name] = *s
	}
	for _, o := range sorted {
		for _, g := range o.Groups() {
			if out.groups[g.Name] == nil {
				if out.groups[g.Name] = g; len(g.Selector) > 0 {
					out.grouped[g.Namespace] = append(out.grouped[g.Namespace], g.Name)
				}
			}
		}
	}
	return out
}

func members(b *Base, instances []mesh.Instance) map[mesh.ServiceName][]mesh.Instance {
	out := map[mesh.ServiceName][]mesh.Instance{}
	for _, i := range instances {
		for _, s := range b.Of(&i) {
			out[s] = append(out[s], i)
		}
	}
	return out
}

func everything(b *Base, of map[mesh.ServiceName][]mesh.Instance) map[mesh.ServiceName]mesh.Snapshot {
	out := map[mesh.ServiceName]mesh.Snapshot{}
	for name := range b.Names() {
		out[name], _ = b.Service(name, of[name], nil)
	}
	for name := range of {
		out[name], _ = b.Service(name, of[name], nil)
	}
	return out
}

// follower keeps what sidecars would be told, bringing up to date what is said to be
// touched alone.
type follower struct {
	base      *Base
	instances []mesh.Instance
	of        map[mesh.ServiceName][]mesh.Instance
	shown     map[mesh.ServiceName]mesh.Snapshot
	policies  Policies
}

func (f *follower) apply(edits map[string]*config.Object) {
	touched := f.base.Apply(edits)
	for name := range touched.Grouped {
		f.of[name] = slices.DeleteFunc(slices.Clone(f.instances), func(i mesh.Instance) bool { return !f.base.Has(name, &i) })
		if len(f.of[name]) == 0 {
			delete(f.of, name)
		}
	}
	for _, i := range f.instances {
		if touched.Peer(&i) {
			for _, name := range f.base.Of(&i) {
				touched.Services[name] = struct{}{}
			}
		}
	}
	for name := range touched.Services {
		if s, ok := f.base.Service(name, f.of[name], nil); ok {
			f.shown[name] = s
		} else {
			delete(f.shown, name)
		}
	}
	if len(touched.Policies) > 0 {
		f.policies = InboundPolicies(values(f.base.objects))
	}
}

// differs is how what is shown is other than what all resources say at once.
func (f *follower) differs(objects []config.Object) string {
	whole := atOnce(objects)
	of := members(whole, f.instances)
	want := everything(whole, of)
	if !reflect.DeepEqual(of, f.of) {
		return "members: " + gocmp.Diff(of, f.of, addresses)
	}
	if !f.policies.Equal(InboundPolicies(objects)) {
		return "policies are others"
	}
	if reflect.DeepEqual(want, f.shown) {
		return ""
	}
	return gocmp.Diff(want, f.shown, cmpopts.EquateEmpty(), addresses)
}

var addresses = gocmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

// Changes one after the other must come to what all resources together say, and what a
// change is not said to touch must stay.
func TestChangesComeToTheWhole(t *testing.T) {
	for seed := range uint64(3) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		f := follower{base: NewBase(""), instances: running(rnd), policies: InboundPolicies(nil)}
		f.of = members(f.base, f.instances)
		f.shown = everything(f.base, f.of)
		objects := map[string]config.Object{}
		for step := range 200 {
			edits, told := map[string]*config.Object{}, []string{}
			for range 1 + rnd.IntN(3) {
				o := resource(t, rnd)
				if edits[o.Key()] = &o; rnd.IntN(3) == 0 {
					edits[o.Key()] = nil
				}
			}
			for key, o := range edits {
				if delete(objects, key); o != nil {
					objects[key] = *o
				}
				told = append(told, fmt.Sprintf("%s stays: %v", key, o != nil))
			}
			f.apply(edits)
			if diff := f.differs(values(objects)); diff != "" {
				t.Fatalf("seed %d, step %d, %v: %s", seed, step, told, diff)
			}
		}
	}
}

func values(objects map[string]config.Object) (out []config.Object) {
	for _, o := range objects {
		out = append(out, o)
	}
	return out
}
