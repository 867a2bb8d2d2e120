package mirror

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
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

// rig is a store with a mirror that follows it, and what the mirror is to say.
type rig struct {
	*testing.T

	store     *store.Store
	resources store.Table[mesh.Resource]
	instances store.Table[mesh.Instance]
	verdicts  store.Table[mesh.Verdict]
	mirror    *Mirror
	told      chan News
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		T: t, store: s, mirror: New(""), told: make(chan News, 1000),
		resources: store.TableOf[mesh.Resource](s, store.Resources),
		instances: store.TableOf[mesh.Instance](s, store.Instances),
		verdicts:  store.TableOf[mesh.Verdict](s, store.Verdicts),
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Follow(ctx, Tables, func(b store.Batch) { r.told <- r.mirror.Tell(b) })
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
	if got := <-r.told; got != n {
		r.Errorf("news is %d, want %d", got, n)
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
func (r *rig) expected() (map[mesh.ServiceName]mesh.Snapshot, []mesh.Instance) {
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
	return compile.Snapshots(objects, instances, verdicts, 0), instances
}

// random is a change of anything.
func (r *rig) random(rnd *rand.Rand) store.Op {
	n, service := rnd.IntN(6), mesh.ServiceName(fmt.Sprintf("s%d", rnd.IntN(6)))
	key, gone := strconv.Itoa(n), rnd.IntN(3) == 0
	switch rnd.IntN(5) {
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
	for step := range 600 {
		if err := r.store.Commit(t.Context(), nil, r.random(rnd)); err != nil {
			t.Fatal(err)
		}
		if !r.arrived() {
			continue // nothing was there to delete
		}
		now := r.load()
		snaps, instances := r.expected()
		noVersion := cmpopts.IgnoreFields(mesh.Snapshot{}, "Version")
		addresses := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
		if diff := cmp.Diff(snaps, now.Snapshots, noVersion, addresses, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("step %d: %s", step, diff)
		}
		if diff := cmp.Diff(instances, now.Instances, addresses, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("step %d: instances: %s", step, diff)
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
	for n := 0; ; n++ {
		if news := <-r.told; news == Nothing {
			return n > 0
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
