package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const split = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: s%d, namespace: default}
spec:
  hosts: [s%d]
  http:
  - timeout: %ds
    route: [{destination: {host: s%d}}]
`

const group = `apiVersion: v1
kind: Service
metadata: {name: s%d}
spec: {selector: {tier: t%d}, ports: [{name: http, port: 80, targetPort: %d}, {name: grpc, port: 81, targetPort: 90}]}
`

const machine = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: w%d}
spec: {address: 10.0.0.%d, labels: {tier: t%d}}
`

// kinds are of every kind that says something of how services are called. Each takes a
// number of its own and those of two services.
var kinds = []string{
	`{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: d%[1]d}, spec: {host: s%[1]d, subsets: [{name: x, labels: {version: v%[2]d}}]}}`,
	`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: h%[1]d}, spec: {parentRefs: [{group: "", kind: Service, name: s%[2]d, port: 80}], rules: [{backendRefs: [{name: s%[3]d, port: 80}]}]}}`,
	`{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: g%[1]d}, spec: {parentRefs: [{group: "", kind: Service, name: s%[2]d, port: 80}], rules: [{backendRefs: [{name: s%[3]d, port: 80}]}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: e%[1]d}, spec: {hosts: [s%[2]d, s%[1]d], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.0.0.%[3]d}]}}`,
	`{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: p%[1]d}, spec: {mtls: {mode: DISABLE}}}`,
	`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: part%[1]d}, spec: {http: [{route: [{destination: {host: s%[2]d, subset: v%[3]d}}]}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: r%[1]d}, spec: {hosts: [s%[2]d], http: [{delegate: {name: part%[3]d}}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: t%[1]d}, spec: {hosts: [s%[2]d], tcp: [{route: [{destination: {host: s%[3]d}}]}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: m%[1]d}, spec: {hosts: [s%[2]d, s%[1]d.shop], location: MESH_EXTERNAL, resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}], workloadSelector: {labels: {tier: t%[3]d}}}}`,
	`{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: q%[1]d}, spec: {selector: {matchLabels: {tier: t%[2]d}}, mtls: {mode: PERMISSIVE}, portLevelMtls: {8080: {mode: DISABLE}}}}`,
	`{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: l%[1]d}, spec: {selector: {matchLabels: {tier: t%[2]d}}, tracing: [{randomSamplingPercentage: %[3]d}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: c%[1]d}, spec: {workloadSelector: {labels: {tier: t%[2]d}}, egress: [{hosts: ["./s%[3]d"]}]}}`,
	`{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a%[1]d}, spec: {selector: {matchLabels: {tier: t%[2]d}}, action: DENY, rules: [{to: [{operation: {ports: ["%[3]d"]}}]}]}}`,
}

// rig is a store with a mirror that follows it, and what the mirror is to say.
type rig struct {
	*testing.T

	store     *store.Store
	resources store.Table[mesh.Resource]
	instances store.Table[mesh.Instance]
	verdicts  store.Table[mesh.Verdict]
	mirror    *Mirror
	told      chan told
}

// told is the news of a batch, and the store's revision that it goes up to.
type told struct {
	news     News
	revision int64
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		T: t, store: s, mirror: New(""), told: make(chan told, 1000),
		resources: store.TableOf[mesh.Resource](s, store.Resources),
		instances: store.TableOf[mesh.Instance](s, store.Instances),
		verdicts:  store.TableOf[mesh.Verdict](s, store.Verdicts),
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Follow(ctx, Tables, func(b store.Batch) { r.told <- told{r.mirror.Tell(b), b.Revision} })
	}()
	t.Cleanup(func() {
		stop()
		<-done
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r.want(Urgent) // the whole of it
	return r
}

func (r *rig) want(n News) {
	r.Helper()
	if got := <-r.told; got.news != n {
		r.Errorf("news is %d, want %d", got.news, n)
	}
}

func (r *rig) commit(n News, ops ...store.Op) {
	r.Helper()
	if err := r.store.Commit(r.Context(), nil, ops...); err != nil {
		r.Fatal(err)
	}
	r.want(n)
}

func (r *rig) load() hub.State {
	r.Helper()
	s, err := r.mirror.Load(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// expected compiles everything there is in the store from scratch.
func (r *rig) expected() (map[mesh.ServiceName]mesh.Snapshot, []mesh.Instance, compile.Policies) {
	r.Helper()
	var (
		objects   []config.Object
		instances []mesh.Instance
		verdicts  []mesh.Verdict
	)
	resources, _, err := r.resources.List(r.Context())
	for _, i := range resources {
		o, err := config.Parse([]byte(i.Value.Manifest))
		if err != nil {
			r.Fatal(err)
		}
		o[0].Created = i.Created
		objects = append(objects, o...)
	}
	running, _, err2 := r.instances.List(r.Context())
	for _, i := range running {
		instances = append(instances, i.Value)
	}
	judged, _, err3 := r.verdicts.List(r.Context())
	for _, v := range judged {
		verdicts = append(verdicts, v.Value)
	}
	if err := errors.Join(err, err2, err3); err != nil {
		r.Fatal(err)
	}
	return compile.Snapshots(objects, instances, verdicts, 0), instances, compile.InboundPolicies(objects)
}

// random is a change of anything.
func (r *rig) random(rnd *rand.Rand) store.Op {
	n, service := rnd.IntN(6), mesh.ServiceName(fmt.Sprintf("s%d", rnd.IntN(6)))
	key, gone := strconv.Itoa(n), rnd.IntN(3) == 0
	switch rnd.IntN(7) {
	case 5, 6:
		kind := rnd.IntN(len(kinds))
		key = fmt.Sprintf("%d-%d", kind, n)
		if gone {
			return r.resources.Delete(key)
		}
		return r.resources.Put(key, mesh.Resource{Manifest: fmt.Sprintf(kinds[kind], n, rnd.IntN(6), 1+rnd.IntN(5))})
	case 0:
		key += []string{"", "group", "machine"}[rnd.IntN(3)]
		switch {
		case gone:
			return r.resources.Delete(key)
		case strings.HasSuffix(key, "group"):
			return r.resources.Put(key, mesh.Resource{Manifest: fmt.Sprintf(group, n, rnd.IntN(3), 8080+rnd.IntN(2))})
		case strings.HasSuffix(key, "machine"):
			return r.resources.Put(key, mesh.Resource{Manifest: fmt.Sprintf(machine, n, n, rnd.IntN(3))})
		}
		return r.resources.Put(key, mesh.Resource{Manifest: fmt.Sprintf(split, n, n, 1+rnd.IntN(3), rnd.IntN(6))})
	case 1:
		if gone {
			return r.verdicts.Delete(key)
		}
		return r.verdicts.Put(key, mesh.Verdict{ID: key, Target: mesh.Target{Service: service}, Phase: mesh.Tripped, Admit: float64(rnd.IntN(2))})
	}
	id := fmt.Sprintf("i%d", rnd.IntN(20))
	if gone {
		return r.instances.Delete(id)
	}
	return r.instances.Put(id, mesh.Instance{
		ID: mesh.InstanceID(id), Service: service, State: []mesh.InstanceState{mesh.Ready, mesh.Draining, mesh.Starting}[rnd.IntN(3)],
		Address: netip.MustParseAddrPort("127.0.0.1:80"), Labels: map[string]string{"tier": fmt.Sprintf("t%d", rnd.IntN(3))},
		AppPort: uint16(8080 + rnd.IntN(2)), Origin: []string{"", "", "file"}[rnd.IntN(3)],
	})
}

// Bit by bit must say what everything at once says, tell what changed, and leave the
// version of the rest alone.
func TestChangesAddUpToTheWhole(t *testing.T) {
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	last := r.load()
	for step := range 200 {
		if err := r.store.Commit(t.Context(), nil, r.random(rnd)); err != nil {
			t.Fatal(err)
		}
		if !r.arrived() {
			continue // nothing was there to delete
		}
		now := r.load()
		snaps, instances, policies := r.expected()
		noVersion := cmpopts.IgnoreFields(mesh.Snapshot{}, "Version")
		addresses := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
		if diff := cmp.Diff(snaps, now.Snapshots, noVersion, addresses, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("step %d: %s", step, diff)
		}
		if diff := cmp.Diff(instances, now.Instances, addresses, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("step %d: instances: %s", step, diff)
		}
		if !now.Policies.Equal(policies) {
			t.Fatalf("step %d: policies are %v, want %v", step, now.Policies, policies)
		}
		news := now.Policies.Since(last.Policies)
		for _, i := range instances {
			was, is := last.Policies.For(i), now.Policies.For(i)
			if news.Concerns(i) || reflect.DeepEqual(was, is) && reflect.DeepEqual(last.Policies.Egress(i), now.Policies.Egress(i)) {
				continue
			}
			t.Fatalf("step %d: %s is not concerned by what makes %+v of %+v", step, i.ID, is, was)
		}
		if len(now.Policed) == 0 && !now.Policies.Equal(last.Policies) {
			t.Fatalf("step %d: it is not said which policies are others", step)
		}
		for name, s := range now.Snapshots {
			_, told := now.Changed[name]
			if same := cmp.Equal(last.Snapshots[name], s, noVersion, addresses) && last.Snapshots[name].Service != ""; same == told {
				t.Fatalf("step %d: %s says the same: %v, but is told to have changed: %v", step, name, same, told)
			}
			if told != (s.Version == now.Version) {
				t.Fatalf("step %d: %s is of version %d in state %d, changed: %v", step, name, s.Version, now.Version, told)
			}
		}
		last = now
	}
}

// arrived waits until the mirror has seen the newest revision. A deletion of nothing is
// no revision.
func (r *rig) arrived() bool {
	r.Helper()
	marker := store.TableOf[string](r.store, store.Events)
	if err := r.store.Commit(r.Context(), nil, marker.Put("marker", "")); err != nil {
		r.Fatal(err)
	}
	marked, _, err := marker.List(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	for some := false; ; { // the marker may come with the change
		got := <-r.told
		if some = some || got.news != Nothing; got.revision >= marked[0].Revision {
			return some
		}
	}
}

// What happened while the store was out of sight is in the whole that is told then.
func TestAWholeReplacesWhatWasThere(t *testing.T) {
	r := newRig(t)
	r.commit(Ordinary, r.instances.Put("a", mesh.Instance{ID: "a", Service: "web", State: mesh.Ready}))
	r.load()
	seen := time.Now()
	if news := r.mirror.Tell(store.Batch{Whole: true, Revision: 1000, Seen: seen}); news != Urgent {
		t.Errorf("news is %d, want urgent", news)
	}
	s := r.load()
	if len(s.Snapshots) != 0 || len(s.Instances) != 0 || s.Version != 1000 {
		t.Errorf("state is %+v, want an empty one", s)
	}
	if at, ok := s.Changed["web"]; !ok || !at.Equal(seen) {
		t.Errorf("changed: %v, want web at %s", s.Changed, seen)
	}
}

func TestLoadWaitsForTheFirstCopy(t *testing.T) {
	m := New("")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("load without a copy: %v, want that it was ended", err)
	}
}

// A change of the configuration is compiled for the services that it speaks of, whatever
// else there is in the mesh.
func TestAChangeIsCompiledForWhatItTouches(t *testing.T) {
	const services = 300
	r := newRig(t)
	ops := make([]store.Op, 0, services)
	for n := range services {
		ops = append(ops, r.resources.Put(strconv.Itoa(n), mesh.Resource{Manifest: fmt.Sprintf(split, n, n, 1, n)}))
	}
	r.commit(Ordinary, ops...)
	r.commit(Ordinary, r.instances.Put("i", mesh.Instance{Service: "s1", State: mesh.Ready, Labels: map[string]string{"tier": "t1"}}))
	r.load()
	resource := func(key, manifest string, values ...any) store.Op {
		return r.resources.Put(key, mesh.Resource{Manifest: fmt.Sprintf(manifest, values...)})
	}
	for _, c := range []struct {
		name     string
		op       store.Op
		compiled uint64
		changed  string
	}{
		{"a route's timeout", resource("7", split, 7, 7, 2, 7), 1, "[s7]"},
		{"a route to another service", resource("7", split, 7, 7, 2, 8), 1, "[s7]"},
		{"a route to a service that nobody knows", resource("7", split, 7, 7, 2, 900), 2, "[s7 s900]"},
		{"and back", resource("7", split, 7, 7, 2, 7), 2, "[s7 s900]"},
		{"a rule", resource("d", kinds[0], 9, 1, 1), 1, "[s9]"},
		{"a rule goes", r.resources.Delete("d"), 1, "[s9]"},
		{"a route of Gateway API", resource("h", kinds[1], 1, 900, 2), 1, "[s900]"},
		{"an entry for two services", resource("e", kinds[3], 901, 902, 3), 2, "[s901 s902]"},
		{"who delegates", resource("r", kinds[6], 1, 903, 5), 1, "[s903]"},
		{"to whom", resource("part", kinds[5], 5, 904, 1), 2, "[s903 s904]"},
		{"to whom, again", resource("part", kinds[5], 5, 904, 2), 1, "[s903]"},
		{"a delegate goes", r.resources.Delete("part"), 2, "[s903 s904]"},
		{"an objective", resource("o", objective), 0, "[]"},
		{"who may call", resource("a", `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a}, spec: {}}`), 0, "[]"},
		{"how much is traced", resource("l", kinds[10], 1, 1, 1), 0, "[]"},
		{"who sees what", resource("c", kinds[11], 1, 1, 1), 0, "[]"},
		{"how paths are read", store.TableOf[Settings](r.store, store.Settings).Put("mesh", Settings{PathNormalization: "NONE"}), 0, "[]"},
		{"a verdict", r.verdicts.Put("v", mesh.Verdict{ID: "v", Target: mesh.Target{Service: "s5"}, Phase: mesh.Tripped}), 1, "[s5]"},
		{"a Service that selects nobody", resource("s", group, 910, 7, 80), 1, "[s910]"},
		{"a Service that selects an instance", resource("s", group, 910, 1, 80), 1, "[s910]"},
		{"a machine that nobody selects", resource("w", machine, 1, 1, 8), 0, "[]"},
		{"a machine that a Service selects", resource("w", machine, 1, 1, 1), 1, "[s910]"},
		{"an entry that selects both", resource("m", kinds[8], 911, 912, 1), 2, "[s911.shop s912]"},
		{"the machine goes", r.resources.Delete("w"), 3, "[s910 s911.shop s912]"},
		{"what some workloads take", resource("q", kinds[9], 1, 1, 1), 4, "[]"},
		{"what these take no more", r.resources.Delete("q"), 4, "[]"},
		{"the entry goes", r.resources.Delete("m"), 2, "[s911.shop s912]"},
		{"the Service goes", r.resources.Delete("s"), 1, "[s910]"},
		{"what another namespace takes", resource("p", `{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: p, namespace: shop}, spec: {mtls: {mode: DISABLE}}}`), 0, "[]"},
		{"what the mesh takes", resource("p", `{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: p, namespace: istio-system}, spec: {mtls: {mode: DISABLE}}}`), 1, "[s1]"},
	} {
		before := r.mirror.compiled
		if err := r.store.Commit(t.Context(), nil, c.op); err != nil {
			t.Fatal(err)
		}
		<-r.told
		now := r.load()
		if got := r.mirror.compiled - before; got != c.compiled {
			t.Errorf("%s: compiled %d services, want %d", c.name, got, c.compiled)
		}
		if changed := fmt.Sprint(slices.Sorted(maps.Keys(now.Changed))); changed != c.changed {
			t.Errorf("%s: changed %s, want %s", c.name, changed, c.changed)
		}
	}
}

const objective = `
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability}
spec:
  service: s3
  indicator: {spec: {ratioMetric: {counter: true, good: {metricSource: {spec: {}}}, total: {metricSource: {spec: {}}}}}}
  objectives: [{target: 0.99}]
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
`
