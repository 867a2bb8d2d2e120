package upstream

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/breaker"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// instance is the n-th copy of a version of a service.
func instance(s mesh.ServiceName, v mesh.Version, n int) mesh.Instance {
	id := fmt.Sprintf("%s-%s-%d", s, v, n)
	return mesh.Instance{
		ID: mesh.InstanceID(id), Service: s, Version: v, State: mesh.Ready,
		Address:  netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(10000+100*int(v[1])+n)),
		Identity: mesh.Identity("spiffe://mesh.local/ns/default/sa/" + string(s)),
		Labels:   map[string]string{"version": string(v)},
	}
}

// reviews has n copies of each version, a subset for each, and a route that splits
// by weight: reviews(2, 80, 20) is v1 and v2, twice each.
func reviews(n int, weights ...uint32) mesh.Snapshot {
	s := mesh.Snapshot{Service: "reviews", Known: true, Version: 1}
	var split mesh.Route
	for i, w := range weights {
		v := mesh.Version(fmt.Sprintf("v%d", i+1))
		s.Subsets = append(s.Subsets, mesh.Subset{Name: string(v), Labels: map[string]string{"version": string(v)}})
		split.Destinations = append(split.Destinations, mesh.Destination{Service: "reviews", Subset: string(v), Weight: w})
		for k := range n {
			s.Instances = append(s.Instances, instance("reviews", v, k+1))
		}
	}
	s.Routes = []mesh.Route{split}
	return s
}

// plain is a service without routes with n copies.
func plain(n int) mesh.Snapshot {
	s := mesh.Snapshot{Service: "plain", Known: true}
	for k := range n {
		s.Instances = append(s.Instances, instance("plain", "v1", k+1))
	}
	return s
}

// world is a set with the route of the service it was made of.
type world struct {
	*testing.T
	set     *Set
	route   *route.Route
	ask     *route.Request
	changes []string
	removed []mesh.InstanceID
}

func newWorld(t *testing.T, s mesh.Snapshot) *world {
	t.Helper()
	w := &world{T: t}
	w.set = New(Deps{
		OnRemove: func(i *Instance) { w.removed = append(w.removed, i.Info.ID) },
		OnChange: func(i *Instance, c breaker.Change) {
			w.changes = append(w.changes, fmt.Sprintf("%s %v", i.Info.ID, c.To))
		},
	})
	w.update(s)
	return w
}

func (w *world) update(s mesh.Snapshot) {
	w.Helper()
	table, err := route.Compile([]mesh.Snapshot{s})
	if err != nil {
		w.Fatal(err)
	}
	w.set.Update([]mesh.Snapshot{s})
	w.route, err = table.Match(s.Service, &route.Request{Method: "GET", Path: "/"})
	if err != nil {
		w.Fatal(err)
	}
}

// pick takes a lease that must be there.
func (w *world) pick(tried ...*Instance) Lease {
	w.Helper()
	l, err := w.set.Pick(w.route, w.ask, tried)
	if err != nil {
		w.Fatal(err)
	}
	return l
}

// count sends n requests one after another and returns how many each version got, and
// how many were refused. Versions in bad answer 500.
func (w *world) count(n int, bad ...mesh.Version) map[string]int {
	w.Helper()
	got := map[string]int{}
	for range n {
		l, err := w.set.Pick(w.route, w.ask, nil)
		if err != nil {
			got["refused"]++
			continue
		}
		got[string(l.Instance.Info.Version)]++
		l.Done(answer(l, bad))
	}
	return got
}

func answer(l Lease, bad []mesh.Version) Outcome {
	if slices.Contains(bad, l.Instance.Info.Version) {
		return Outcome{Took: time.Millisecond, Status: 500, GRPCStatus: -1, Kind: Failure}
	}
	return Outcome{Took: time.Millisecond, Status: 200, GRPCStatus: -1}
}

func (w *world) state(id mesh.InstanceID) InstanceState {
	w.Helper()
	for _, s := range w.set.State().Instances {
		if s.Instance == id {
			return s
		}
	}
	w.Fatalf("no instance %s", id)
	return InstanceState{}
}

// share fails unless got of n is the wanted share of 100 within half a point.
func (w *world) share(got, n int, want float64, what string) {
	w.Helper()
	if p := 100 * float64(got) / float64(n); math.Abs(p-want) > 0.5 {
		w.Errorf("%s got %.2f %% of %d, want %.2f %%", what, p, n, want)
	}
}

func TestWeightsAreExact(t *testing.T) {
	w := newWorld(t, reviews(2, 80, 15, 5))
	got := w.count(5000)
	for v, want := range map[string]float64{"v1": 80, "v2": 15, "v3": 5} {
		w.share(got[v], 5000, want, v)
	}
}

func TestWeightsAreExactAmongShortRuns(t *testing.T) {
	w := newWorld(t, reviews(1, 90, 10))
	for range 20 {
		if got := w.count(100)["v2"]; got < 8 || got > 12 {
			t.Errorf("10 %% of 100 requests were %d", got)
		}
	}
}

func TestDestinationWithoutInstancesIsLeftOut(t *testing.T) {
	s := reviews(1, 50, 50)
	s.Instances[1].State = mesh.Draining
	w := newWorld(t, s)
	if got := w.count(100); got["v1"] != 100 {
		t.Errorf("got %v, want all at v1", got)
	}
	s.Instances[0].State = mesh.Starting
	w.update(s)
	if _, err := w.set.Pick(w.route, w.ask, nil); !errors.Is(err, ErrNoInstance) {
		t.Errorf("err = %v, want ErrNoInstance", err)
	}
}

func TestBreakerTakesOutAnErroringInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, reviews(1, 50, 50))
		got := w.count(100, "v2")
		if got["v2"] > 7 || got["refused"] > 0 {
			t.Errorf("got %v, want at most seven at v2", got)
		}
		if s := w.state("reviews-v2-1"); s.Breaker != "tripped" || s.Why == "" || s.Until.IsZero() {
			t.Errorf("state %+v", s)
		}
		time.Sleep(2 * time.Second)
		got = w.count(1000)
		w.share(got["v2"], 1000, 50, "v2 after it recovered")
		if len(w.changes) != 3 || w.changes[2] != "reviews-v2-1 admitting" {
			t.Errorf("changes %v", w.changes)
		}
	})
}

func TestHalfAtMostIsTripped(t *testing.T) {
	for _, tt := range []struct{ instances, tripped int }{{1, 0}, {2, 1}, {3, 1}, {4, 2}, {5, 2}} {
		w := newWorld(t, plain(tt.instances))
		got := w.count(1000, "v1")
		tripped := 0
		for _, s := range w.set.State().Instances {
			if s.Breaker == "tripped" {
				tripped++
			}
		}
		if tripped != tt.tripped || got["refused"] > 0 {
			t.Errorf("%d instances: %d tripped, want %d; got %v", tt.instances, tripped, tt.tripped, got)
		}
	}
}

func TestBreakersNeverLeaveNothing(t *testing.T) {
	w := newWorld(t, reviews(1, 100, 0))
	got := w.count(200, "v1") // v2 exists, so v1's breaker may trip; but this route has only v1
	if got["refused"] > 0 || w.state("reviews-v1-1").Breaker != "tripped" {
		t.Errorf("got %v, state %+v", got, w.state("reviews-v1-1"))
	}
}

func TestRetriesGoElsewhere(t *testing.T) {
	w := newWorld(t, plain(3))
	for range 50 {
		a := w.pick()
		b := w.pick(a.Instance)
		c := w.pick(a.Instance, b.Instance)
		if a.Instance == b.Instance || b.Instance == c.Instance || a.Instance == c.Instance {
			t.Fatal("an instance was tried twice though others were left")
		}
		d := w.pick(a.Instance, b.Instance, c.Instance) // nothing fresh is left
		for _, l := range []Lease{a, b, c, d} {
			l.Done(Outcome{Kind: Canceled})
		}
	}
}

func TestLimits(t *testing.T) {
	s := plain(1)
	s.Policy.Limits = mesh.Limits{Requests: 3, Retries: 1}
	w := newWorld(t, s)
	a, b := w.pick(), w.pick()
	again := w.pick(a.Instance)
	if _, err := w.set.Pick(w.route, w.ask, nil); !errors.Is(err, ErrOverflow) {
		t.Errorf("fourth request: err = %v, want ErrOverflow", err)
	}
	b.Done(Outcome{})
	if _, err := w.set.Pick(w.route, nil, []*Instance{a.Instance}); !errors.Is(err, ErrOverflow) {
		t.Errorf("second retry: err = %v, want ErrOverflow", err)
	}
	w.update(s) // an update does not lose count
	w.pick().Done(Outcome{})
	a.Done(Outcome{})
	again.Done(Outcome{})
	if w.state("plain-v1-1").InFlight != 0 {
		t.Error("requests are in flight after the last ended")
	}
	for range 3 {
		w.pick()
	}
	if _, err := w.set.Pick(w.route, w.ask, nil); !errors.Is(err, ErrOverflow) {
		t.Errorf("err = %v, want ErrOverflow", err)
	}
}

func TestSubsetPolicyReplacesFields(t *testing.T) {
	s := reviews(1, 50, 50)
	s.Policy = mesh.Policy{LoadBalancer: mesh.Random, Limits: mesh.Limits{Requests: 9, ConnectTimeout: time.Second}}
	s.Subsets[1].Policy = &mesh.Policy{Limits: mesh.Limits{Requests: 1}}
	w := newWorld(t, s)
	limits := map[mesh.Version]mesh.Limits{}
	for range 4 {
		if l, err := w.set.Pick(w.route, w.ask, nil); err == nil {
			limits[l.Instance.Info.Version] = l.Instance.Limits()
		}
	}
	if l := limits["v2"]; l.Requests != 1 || l.ConnectTimeout != time.Second {
		t.Errorf("limits of v2 are %+v", l)
	}
	if l := limits["v1"]; l.Requests != 9 {
		t.Errorf("limits of v1 are %+v", l)
	}
}

func TestOwnOverflowAndCancelsAreNotCharged(t *testing.T) {
	w := newWorld(t, plain(2))
	for range 500 {
		w.pick().Done(Outcome{Kind: Overflow})
		w.pick().Done(Outcome{Kind: Canceled, Took: time.Millisecond})
	}
	if len(w.changes) > 0 {
		t.Errorf("changes %v, want none", w.changes)
	}
}

// TestCallersInAHurryMakeNoInstanceFast: they go away after a millisecond, which none
// of the answers comes in.
func TestCallersInAHurryMakeNoInstanceFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plain(1))
		load := func() float64 { return w.pickAndRelease().load.Score(time.Now()) }
		time.Sleep(time.Second)
		w.pick().Done(Outcome{Took: 100 * time.Millisecond, Status: 200, GRPCStatus: -1})
		for range 100 {
			time.Sleep(20 * time.Millisecond)
			w.pick().Done(Outcome{Took: time.Millisecond, GRPCStatus: -1, Kind: Canceled})
		}
		if got, want := load(), 0.1*math.Exp(-0.2); math.Abs(got-want) > 1e-6 {
			t.Errorf("after hasty callers: score %.6f, want %.6f, by time alone", got, want)
		}
		w.pick().Done(Outcome{Took: time.Second, GRPCStatus: -1, Kind: Canceled})
		if got := load(); got != 1 {
			t.Errorf("after one that waited for a second: score %.6f, want 1", got)
		}
		if n := w.pickAndRelease().load.InFlight(); n != 0 {
			t.Errorf("%d in flight, want none", n)
		}
	})
}

// pickAndRelease is the instance that the next request would go to.
func (w *world) pickAndRelease() *Instance {
	l := w.pick()
	l.Release()
	return l.Instance
}

// TestOverloadedIsNoFailure: an instance at its limit gets less, and trips no breaker.
func TestOverloadedIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plain(2))
		got := map[mesh.InstanceID]int{}
		for range 400 {
			l := w.pick()
			got[l.Instance.Info.ID]++
			o := Outcome{Took: time.Millisecond, Status: 200, GRPCStatus: -1}
			if l.Instance.Info.ID == "plain-v1-1" {
				o.Kind, o.Status = Overloaded, 503
			}
			l.Done(o)
			time.Sleep(time.Millisecond)
		}
		if len(w.changes) > 0 {
			t.Errorf("changes %v, want none", w.changes)
		}
		if full := got["plain-v1-1"]; full == 0 || full > 100 {
			t.Errorf("%d of 400 went to the instance that is full; want few, and some", full)
		}
	})
}

func TestUpdateKeepsWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, reviews(1, 50, 50))
		w.count(100, "v2")
		before := w.pick()
		s := reviews(2, 50, 50)
		s.Version = 2
		w.update(s)
		if w.state("reviews-v2-1").Breaker != "tripped" {
			t.Error("an update made a breaker forget")
		}
		if got := w.state(before.Instance.Info.ID).InFlight; got != 1 {
			t.Errorf("in flight %d after the update, want 1", got)
		}
		before.Done(Outcome{})
		if len(w.removed) > 0 {
			t.Errorf("removed %v", w.removed)
		}
	})
}

func TestRemoval(t *testing.T) {
	s := plain(3)
	w := newWorld(t, s)
	gone := w.pick()
	var left []mesh.Instance
	for _, i := range s.Instances {
		if i.ID != gone.Instance.Info.ID {
			left = append(left, i)
		}
	}
	s.Instances = left
	w.update(s)
	if len(w.removed) != 1 || w.removed[0] != gone.Instance.Info.ID {
		t.Errorf("removed %v, want %s", w.removed, gone.Instance.Info.ID)
	}
	gone.Done(Outcome{}) // a request under way ends as ever
	for range 20 {
		l := w.pick()
		if l.Instance == gone.Instance {
			t.Fatal("a removed instance was picked")
		}
		l.Done(Outcome{})
	}
	moved := s.Instances[0]
	moved.Address = netip.MustParseAddrPort("127.0.0.1:1")
	s.Instances = []mesh.Instance{moved}
	w.update(s)
	if len(w.removed) != 3 {
		t.Errorf("removed %v: an instance at another address is another one", w.removed)
	}
}

func TestOldRoutesWorkUntilTheyAreSwapped(t *testing.T) {
	w := newWorld(t, reviews(1, 50, 50))
	w.set.Update([]mesh.Snapshot{reviews(1, 100)}) // v2 is gone; w.route does not know yet
	if got := w.count(100); got["refused"] > 0 {
		t.Errorf("got %v", got)
	}
	w.set.Update([]mesh.Snapshot{reviews(1, 100)})
	if got := w.count(100); got["v1"] != 100 {
		t.Errorf("got %v: a group outlived a second update", got)
	}
}

func TestStatesAreSorted(t *testing.T) {
	w := newWorld(t, reviews(2, 1, 1))
	var ids []string
	for _, s := range w.set.State().Instances {
		ids = append(ids, string(s.Instance))
	}
	if got := strings.Join(ids, " "); got != "reviews-v1-1 reviews-v1-2 reviews-v2-1 reviews-v2-2" {
		t.Errorf("order %s", got)
	}
}

func BenchmarkPick(b *testing.B) {
	s := reviews(3, 80, 20)
	set := New(Deps{})
	table, err := route.Compile([]mesh.Snapshot{s})
	if err != nil {
		b.Fatal(err)
	}
	set.Update([]mesh.Snapshot{s})
	r, err := table.Match("reviews", &route.Request{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l, err := set.Pick(r, nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			l.Done(Outcome{Took: time.Millisecond, Status: 200})
		}
	})
}
