package upstream

import (
	"math"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// placed has one instance for each locality in turn.
func placed(localities ...mesh.Locality) mesh.Snapshot {
	s := plain(len(localities))
	for n, l := range localities {
		s.Instances[n].Locality = l
		s.Instances[n].Labels = map[string]string{"version": "v1", "rack": l.Subzone()}
	}
	s.Policy.LoadBalancer = mesh.RoundRobin
	s.Policy.Outlier = &mesh.Outlier{ConsecutiveErrors: 1, MaxEjectedPercent: 100, BaseEjection: time.Hour}
	return s
}

func from(t *testing.T, l mesh.Locality, s mesh.Snapshot) *world {
	w := &world{T: t}
	w.set = New(Deps{Locality: l, Labels: map[string]string{"rack": l.Subzone()}})
	w.update(s)
	return w
}

// parts sends requests and returns the share of each locality, in hundredths.
func (w *world) parts() map[mesh.Locality]int {
	w.Helper()
	const n = 20000
	got := map[mesh.Locality]float64{}
	for range n {
		l, err := w.set.Pick(w.route, w.ask, nil)
		if err != nil {
			got["refused"]++
			continue
		}
		got[l.Instance.terms.Load().locality]++
		l.Done(Outcome{Status: 200, GRPCStatus: -1})
	}
	out := map[mesh.Locality]int{}
	for l, k := range got {
		out[l] = int(math.Round(100 * k / n))
	}
	return out
}

func near(got, want map[mesh.Locality]int) bool {
	for l, g := range got {
		if w := want[l]; g < w-1 || g > w+1 {
			return false
		}
	}
	for l := range want {
		if _, ok := got[l]; !ok {
			return false
		}
	}
	return true
}

func TestLocality(t *testing.T) {
	type parts = map[mesh.Locality]int
	everywhere := placed("eu/a/1", "eu/a/2", "eu/b/1", "us/a/1", "ap/a/1")
	with := func(l *mesh.LocalityLB) mesh.Snapshot {
		s := everywhere
		s.Policy.Locality = l
		return s
	}
	plainly := parts{"eu/a/1": 20, "eu/a/2": 20, "eu/b/1": 20, "us/a/1": 20, "ap/a/1": 20}
	noOutlier := everywhere
	noOutlier.Policy.Outlier = nil
	checked := noOutlier
	checked.Policy.HealthCheck = &mesh.HealthCheck{TCP: true, Interval: time.Second}
	for _, tt := range []struct {
		name string
		from mesh.Locality
		s    mesh.Snapshot
		out  []mesh.Locality // that are unwell
		want parts
	}{
		{"own subzone", "eu/a/1", everywhere, nil, parts{"eu/a/1": 100}},
		{"own zone", "eu/a/9", everywhere, nil, parts{"eu/a/1": 50, "eu/a/2": 50}},
		{"own region", "eu/c", everywhere, nil, parts{"eu/a/1": 33, "eu/a/2": 33, "eu/b/1": 33}},
		{"a region without any", "sa/a", everywhere, nil, plainly},
		{"own place is not known", "", everywhere, nil, plainly},
		{"nothing tells who is unwell", "eu/a/1", noOutlier, nil, plainly},
		{"health checks do", "eu/a/1", checked, nil, parts{"eu/a/1": 100}},
		{"off", "eu/a/1", with(&mesh.LocalityLB{Off: true}), nil, plainly},
		{"own subzone is out", "eu/a/1", everywhere, []mesh.Locality{"eu/a/1"}, parts{"eu/a/2": 100}},
		{"own zone is out", "eu/a/1", everywhere, []mesh.Locality{"eu/a/1", "eu/a/2"}, parts{"eu/b/1": 100}},
		// Of three in the region one is well: 1.4/3 of the requests stay.
		{"most of the region is out", "eu/c", everywhere, []mesh.Locality{"eu/a/1", "eu/a/2"}, parts{"eu/b/1": 47, "us/a/1": 27, "ap/a/1": 27}},
		// Two of three are 0.93 of what is needed.
		{"a third of the region is out", "eu/c", everywhere, []mesh.Locality{"eu/a/1"}, parts{"eu/b/1": 47, "eu/a/2": 47, "us/a/1": 3, "ap/a/1": 3}},
		{"failover", "eu/c", with(&mesh.LocalityLB{Failover: map[string]string{"eu": "ap"}}), []mesh.Locality{"eu/a/1", "eu/a/2", "eu/b/1"}, parts{"ap/a/1": 100}},
		{"failover of another region", "eu/c", with(&mesh.LocalityLB{Failover: map[string]string{"us": "ap"}}), []mesh.Locality{"eu/a/1", "eu/a/2", "eu/b/1"}, parts{"ap/a/1": 50, "us/a/1": 50}},
		{"failover is out too", "eu/c", with(&mesh.LocalityLB{Failover: map[string]string{"eu": "ap"}}), []mesh.Locality{"eu/a/1", "eu/a/2", "eu/b/1", "ap/a/1"}, parts{"us/a/1": 100}},
		{"labels", "xx/y/2", with(&mesh.LocalityLB{FailoverPriority: []string{"rack"}}), nil, parts{"eu/a/2": 100}},
		{"labels out", "xx/y/2", with(&mesh.LocalityLB{FailoverPriority: []string{"rack"}}), []mesh.Locality{"eu/a/2"}, parts{"eu/a/1": 25, "eu/b/1": 25, "us/a/1": 25, "ap/a/1": 25}},
		{"labels with a value", "eu/a/1", with(&mesh.LocalityLB{FailoverPriority: []string{"rack=1", "topology.kubernetes.io/region=us"}}), nil, parts{"us/a/1": 100}},
		{"labels of places", "us/b", with(&mesh.LocalityLB{FailoverPriority: []string{"topology.kubernetes.io/region", "topology.kubernetes.io/zone"}}), nil, parts{"us/a/1": 100}},
		{
			"distribute", "eu/a/1", with(&mesh.LocalityLB{Distribute: []mesh.Distribute{
				{From: "us/*", To: map[string]uint32{"us/*": 100}},
				{From: "eu/a/*", To: map[string]uint32{"eu/a/*": 70, "eu/*": 20, "us": 10}},
			}}), nil, parts{"eu/a/1": 35, "eu/a/2": 35, "eu/b/1": 20, "us/a/1": 10},
		},
		{
			// Of two in eu/a one is well: 0.7·70 against 20 and 10.
			"distribute around the unwell", "eu/a/1", with(&mesh.LocalityLB{Distribute: []mesh.Distribute{
				{From: "*", To: map[string]uint32{"eu/a/*": 70, "eu/b": 20, "us": 10}},
			}}), []mesh.Locality{"eu/a/1"}, parts{"eu/a/2": 62, "eu/b/1": 25, "us/a/1": 13},
		},
		{
			"distribute says nothing of this place", "ap/a/1", with(&mesh.LocalityLB{Distribute: []mesh.Distribute{
				{From: "us/*", To: map[string]uint32{"us/*": 100}},
			}}), nil, plainly,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := from(t, tt.from, tt.s)
				for _, p := range w.set.view.Load().groups[destination{service: "plain"}].parts {
					for _, i := range p.members {
						for _, out := range tt.out {
							if i.terms.Load().locality == out {
								i.terms.Load().member.Report(1)
							}
						}
					}
				}
				if got := w.parts(); !near(got, tt.want) {
					t.Errorf("parts %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// TestLocalityOfKeys: with consistent hashing a key keeps its locality.
func TestLocalityOfKeys(t *testing.T) {
	s := placed("eu/a/1", "eu/a/2", "us/a/1", "us/a/2")
	s.Policy.LoadBalancer, s.Policy.Hash = mesh.Maglev, &mesh.Hash{Header: "x-user"}
	s.Policy.Locality = &mesh.LocalityLB{Distribute: []mesh.Distribute{{From: "*", To: map[string]uint32{"eu": 60, "us": 40}}}}
	w := from(t, "eu/a/1", s)
	got := map[string]int{}
	for n := range 2000 {
		w.ask = asking("/", map[string]string{"x-user": strconv.Itoa(n)})
		first, again := w.pick(), w.pick()
		if first.Instance != again.Instance {
			t.Fatal("a user went to two instances")
		}
		got[first.Instance.terms.Load().locality.Region()]++
	}
	if got["eu"] < 1100 || got["eu"] > 1300 {
		t.Errorf("regions got %v of 2000", got)
	}
}

// TestRetriesLeaveTheLocality: where the route says so, a retry goes to where none was
// tried, the nearest first, and back only where there is no such place.
func TestRetriesLeaveTheLocality(t *testing.T) {
	for _, hashed := range []bool{false, true} {
		s := placed("eu/a/1", "eu/a/1", "eu/b/1", "us/a/1")
		if hashed {
			s.Policy.LoadBalancer, s.Policy.Hash = mesh.Maglev, &mesh.Hash{Header: "x-user"}
		}
		for _, leaves := range []bool{false, true} {
			w := from(t, "eu/a/1", s)
			w.ask = asking("/", map[string]string{"x-user": "ada"})
			r := *w.route
			r.OtherLocalities = leaves
			w.route = &r
			want := []mesh.Locality{"eu/a/1", "eu/a/1", "eu/b/1", "us/a/1"}
			if leaves {
				want = []mesh.Locality{"eu/a/1", "eu/b/1", "us/a/1", "eu/a/1"}
			}
			var tried []*Instance
			for n, place := range want {
				l, err := w.set.Pick(w.route, w.ask, tried)
				if err != nil {
					t.Fatal(err)
				}
				if got := l.Instance.terms.Load().locality; got != place {
					t.Errorf("hashed %v, leaves %v: try %d went to %s, want %s", hashed, leaves, n, got, place)
				}
				tried = append(tried, l.Instance)
				l.Done(Outcome{Status: 200, GRPCStatus: -1})
			}
		}
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		bands []bandHealth
		want  []float64
	}{
		{[]bandHealth{{0, 10, 10}, {0, 10, 10}}, []float64{1, 0}},
		{[]bandHealth{{0, 8, 10}, {0, 10, 10}}, []float64{1, 0}},
		{[]bandHealth{{0, 7, 10}, {0, 10, 10}}, []float64{0.98, 0.02}},
		{[]bandHealth{{0, 5, 10}, {0, 10, 10}}, []float64{0.7, 0.3}},
		{[]bandHealth{{0, 0, 10}, {0, 10, 10}}, []float64{0, 1}},
		{[]bandHealth{{0, 2, 10}, {0, 3, 10}}, []float64{0.4, 0.6}}, // 28 % and 42 % are all there is
		{[]bandHealth{{0, 5, 10}, {0, 1, 10}, {0, 10, 10}}, []float64{0.7, 0.14, 0.16}},
		{[]bandHealth{{0, 0, 10}, {0, 0, 10}}, []float64{0, 0}},
		{[]bandHealth{{80, 10, 10}, {20, 10, 10}}, []float64{0.8, 0.2}},
		{[]bandHealth{{80, 0, 10}, {20, 10, 10}}, []float64{0, 1}},
		{[]bandHealth{{80, 0, 0}, {20, 10, 10}}, []float64{0, 1}},
	} {
		got := spread(tt.bands)
		for n := range got {
			if math.Abs(got[n]-tt.want[n]) > 1e-9 {
				t.Errorf("%v: %v, want %v", tt.bands, got, tt.want)
				break
			}
		}
	}
}
