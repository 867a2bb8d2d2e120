package configuration

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/proxy/accesslog"
	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/sampling"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

// running are the instances there are: cart has two versions, van one.
func running() []mesh.Instance {
	var out []mesh.Instance
	for _, of := range [][2]string{{"cart", "v1"}, {"cart", "v2"}, {"van", "v1"}} {
		out = append(out, mesh.Instance{
			ID: mesh.InstanceID(of[0] + "-" + of[1]), Service: mesh.ServiceName(of[0]), Version: mesh.Version(of[1]),
			Address: netip.MustParseAddrPort("127.0.0.1:15006"), State: mesh.Ready, Labels: map[string]string{"version": of[1], "app": of[0]},
		})
	}
	return out
}

// take reads a manifest as the control plane does, and hands what comes of it to a
// sidecar of each namespace. It says whether the manifest was let through; what it must
// not do fails the test.
func take(t testing.TB, manifest []byte) bool {
	t.Helper()
	objects, err := config.Parse(manifest)
	if err != nil {
		bad, ok := errors.AsType[*config.Error](err)
		if !ok {
			t.Fatalf("%v is a %T, which has no findings\n%s", err, err, manifest)
		}
		located(t, bad.Findings, manifest)
		return false
	}
	world := config.NewWorld(running())
	findings := config.Validate(objects, world)
	located(t, findings, manifest)
	if config.Refused(findings) {
		return false
	}
	for _, o := range objects {
		config.RouteStatus(o, objects, world)
	}
	there := append(running(), answered(t, objects, manifest)...)
	all := compile.Snapshots(objects, there, nil, 1)
	policies := compile.InboundPolicies(objects)
	names := slices.Sorted(maps.Keys(all))
	for _, i := range running() {
		enforced(t, wire.ToInbound(wire.FromInbound(policies.For(i))), manifest)
		seen, hidden := policies.Seen(i, names)
		routed(t, i.Service, compile.Hide(compile.Closure(all, seen), hidden), manifest)
	}
	for _, name := range append(names, "cart", "van", "calls") {
		routed(t, name, compile.Closure(all, []mesh.ServiceName{name}), manifest)
	}
	return true
}

// answered are the instances that DNS would tell of, were every name that it is asked for
// at two addresses, one of them with the port of an SRV record.
func answered(t testing.TB, objects []config.Object, manifest []byte) []mesh.Instance {
	t.Helper()
	var out []mesh.Instance
	for _, l := range config.Lookups(objects, "mesh.local") {
		if l.Name == "" || l.Service == "" {
			t.Fatalf("DNS would be asked for %q of %q\n%s", l.Name, l.Service, manifest)
		}
		for n, port := range []uint16{0, 8443} {
			i, ok := l.At(netip.AddrFrom4([4]byte{192, 0, 2, byte(n + 1)}), port)
			if !ok {
				continue
			}
			if i.Address.Port() == 0 || port != 0 && i.Address.Port() != port {
				t.Fatalf("%s is at %s of port %d\n%s", l.Name, i.Address, port, manifest)
			}
			out = append(out, i)
		}
	}
	return out
}

// routed hands a set of snapshots to a sidecar of each namespace.
func routed(t testing.TB, name mesh.ServiceName, set []mesh.Snapshot, manifest []byte) {
	t.Helper()
	for i := range set {
		var err error
		if set[i], err = wire.ToSnapshot(wire.FromSnapshot(set[i])); err != nil {
			t.Fatalf("%s does not survive the wire: %v\n%s", name, err, manifest)
		}
	}
	for _, namespace := range []string{"default", "depot"} {
		if _, err := (route.Caller{Namespace: namespace}).Compile(set); err != nil {
			t.Fatalf("let through, and refused by the sidecar: %v\n%s", err, manifest)
		}
	}
}

// enforced compiles what a sidecar is to enforce and tell of its own workload.
func enforced(t testing.TB, in mesh.Inbound, manifest []byte) {
	t.Helper()
	_, err := authorize.Compile(in.Authorization, "mesh.local")
	for i := range in.Rates {
		_, bad := authorize.CompileRule(&in.Rates[i].Match, "mesh.local")
		err = errors.Join(err, bad)
	}
	if in.Sampling != nil {
		_, bad := sampling.Compile(in.Sampling)
		err = errors.Join(err, bad)
	}
	if s := in.Spans; s != nil {
		_, out := emit.CompileSpans(s.Outbound)
		_, own := emit.CompileSpans(s.Inbound)
		err = errors.Join(err, out, own)
	}
	if m := in.Metrics; m != nil {
		_, out := emit.CompileMetrics(m.Outbound)
		_, own := emit.CompileMetrics(m.Inbound)
		err = errors.Join(err, out, own)
	}
	if l := in.Logs; l != nil {
		_, out := accesslog.Compile(l.Outbound)
		_, own := accesslog.Compile(l.Inbound)
		err = errors.Join(err, out, own)
	}
	_, bad := serve.CompileOnward(in.Onward)
	if err = errors.Join(err, bad); err != nil {
		t.Fatalf("let through, and refused by the sidecar: %v\n%s", err, manifest)
	}
}

// located holds errors to saying where: the path of a field, unless the whole document
// is no resource that the mesh knows.
func located(t testing.TB, findings []mesh.Finding, manifest []byte) {
	t.Helper()
	for _, f := range findings {
		if f.Message == "" || f.Path == "" && !strings.HasPrefix(f.Resource, "document") && len(findings) > 1 {
			t.Fatalf("%+v does not say what is wrong, or where\n%s", f, manifest)
		}
	}
}

func TestEveryKindIsThere(t *testing.T) {
	there := map[any]bool{}
	for _, d := range documents {
		there[tree(t, d)["kind"]] = true
		if !take(t, []byte(d)) {
			objects, err := config.Parse([]byte(d))
			if err != nil || !named(config.Validate(objects, config.NewWorld(running()))) {
				t.Errorf("%s\nis refused: %s", d, errorsIn([]byte(d)))
			}
		}
	}
	for _, k := range config.Kinds() {
		if !there[k] {
			t.Errorf("no document of kind %s is tried; add one", k)
		}
	}
}

// errorsIn are what a manifest is refused for.
func errorsIn(manifest []byte) string {
	objects, err := config.Parse(manifest)
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, f := range config.Validate(objects, config.NewWorld(running())) {
		if f.Severity == config.SeverityError {
			out = append(out, config.Line(f))
		}
	}
	return strings.Join(out, "\n")
}

// named reports whether a document is refused only for what another one would define.
func named(findings []mesh.Finding) bool {
	for _, f := range findings {
		if f.Severity == config.SeverityError && f.Code != string(config.CodeSubset) {
			return false
		}
	}
	return true
}

// TestAllTogetherCompile is random sets of valid resources.
func TestAllTogetherCompile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		parts := [][]byte{[]byte(documents[0])} // which defines the subsets
		for _, d := range documents[1:] {
			if r.IntN(2) == 0 {
				parts = append(parts, []byte(d))
			}
		}
		if all := bytes.Join(parts, []byte("\n---\n")); !take(t, all) {
			t.Fatalf("refused: %s\n%s", errorsIn(all), all)
		}
	}
}

// TestMutations changes valid resources at random: each either compiles or is refused
// with a path.
func TestMutations(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	passed, refused := map[string]int{}, map[string]int{}
	for n := range 3_000 {
		d := documents[n%len(documents)]
		resource := tree(t, d)
		kind, changed := fmt.Sprint(resource["kind"]), any(resource)
		for range 1 + r.IntN(4)/3 {
			if r.IntN(8) > 0 && resource["spec"] != nil {
				resource["spec"] = mutate(r, resource["spec"])
			} else {
				changed = mutate(r, changed)
			}
		}
		all := manifest(t, changed)
		if n%len(documents) != 0 {
			all = append([]byte(documents[0]+"\n---\n"), all...)
		}
		if take(t, all) {
			passed[kind]++
		} else {
			refused[kind]++
		}
	}
	for _, k := range config.Kinds() {
		if passed[k] == 0 || refused[k] == 0 {
			t.Errorf("%s: %d passed, %d refused; mutations that do one thing only show little", k, passed[k], refused[k])
		}
	}
}
