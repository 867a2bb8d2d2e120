package upstream

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/route"
)

func TestHealthChecksDecide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := plain(3)
		s.Policy.LoadBalancer = mesh.RoundRobin
		s.Policy.HealthCheck = &mesh.HealthCheck{TCP: true, Interval: time.Second}
		w := newWorld(t, s)
		checks := w.set.Checks()
		if len(checks) != 3 {
			t.Fatalf("%d instances are to be checked", len(checks))
		}
		sick := checks[0].Instance
		w.set.SetHealth(sick, Health{Why: "GET /healthz: 500"})
		if got := w.countInstances(300); got[sick.Info.ID] > 0 || len(got) != 2 {
			t.Errorf("got %v, want the two that are well", got)
		}
		l := w.pick()
		if want := string(sick.Info.ID) + ": health check (GET /healthz: 500)"; l.Passed != want {
			t.Errorf("passed over %q, want %q", l.Passed, want)
		}
		if h := w.state(sick.Info.ID).Health; h == nil || h.Well {
			t.Errorf("health %+v", h)
		}
		for _, c := range checks[1:] {
			w.set.SetHealth(c.Instance, Health{Why: "down"})
		}
		if got := w.countInstances(300); len(got) != 3 || w.pick().Why != "last resort: no other is left" {
			t.Errorf("got %v, want all of them: at least one always stays", got)
		}
		w.set.SetHealth(sick, Health{Well: true})
		if got := w.countInstances(300); got[sick.Info.ID] != 300 {
			t.Errorf("got %v, want the one that is well", got)
		}
		s.Policy.HealthCheck = nil
		w.update(s)
		if got := w.countInstances(300); len(got) != 3 {
			t.Errorf("got %v, want all: nobody checks any more", got)
		}
	})
}

// TestHealthLetsBackIn: Envoy's successful_active_health_check_uneject_host.
func TestHealthLetsBackIn(t *testing.T) {
	s := plain(2)
	s.Policy.HealthCheck = &mesh.HealthCheck{TCP: true, Interval: time.Second}
	s.Policy.Outlier = &mesh.Outlier{ConsecutiveErrors: 1, MaxEjectedPercent: 100}
	w := newWorld(t, s)
	w.sendTo("plain-v1-1", 1, failed(500))
	for _, c := range w.set.Checks() {
		if c.Instance.Info.ID == "plain-v1-1" {
			w.set.SetHealth(c.Instance, Health{Why: "down"})
			w.set.SetHealth(c.Instance, Health{Well: true})
		}
	}
	if st := w.state("plain-v1-1"); st.Breaker != "admitting" {
		t.Errorf("state %+v", st)
	}
}

func TestInstanceThatJoinsWarmsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := plain(3)
		s.Policy.LoadBalancer = mesh.Random
		s.Policy.Warmup = &mesh.Warmup{Duration: 100 * time.Second, MinPercent: 10, Aggression: 1}
		w := newWorld(t, s)
		for id, n := range w.countInstances(3000) {
			if n < 900 || n > 1100 {
				t.Errorf("%s got %d of 3000 at the first push, want a third", id, n)
			}
		}
		s.Instances = append(s.Instances, instance("plain", "v1", 4))
		w.update(s)
		for _, tt := range []struct {
			wait time.Duration
			want float64
		}{{0, 0.1 / 3.1}, {50 * time.Second, 0.5 / 3.5}, {50 * time.Second, 0.25}} {
			time.Sleep(tt.wait)
			if got := float64(w.countInstances(10000)["plain-v1-4"]) / 10000; got < tt.want-0.02 || got > tt.want+0.02 {
				t.Errorf("%v later: %.3f of the requests, want %.3f", tt.wait, got, tt.want)
			}
			if st := w.state("plain-v1-4"); tt.want < 0.2 && st.Warmup == 0 || tt.want == 0.25 && st.Warmup != 0 {
				t.Errorf("%v later: warm-up shows %v", tt.wait, st.Warmup)
			}
		}
	})
}

func TestLimitsSayWhich(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy mesh.Policy
		tries  []int // of requests that stay in flight, all but the last let in
		want   string
	}{
		{"requests", mesh.Policy{Limits: mesh.Limits{Requests: 2}}, []int{0, 0, 0}, "2 requests are in flight (http2MaxRequests)"},
		{"retries", mesh.Policy{Limits: mesh.Limits{Retries: 1}}, []int{0, 0, 1, 1}, "1 retries are in flight (maxRetries)"},
		{"least of a budget", mesh.Policy{RetryBudget: &mesh.RetryBudget{Percent: 20, MinRetries: 2}}, []int{0, 1, 1, 1}, "2 retries are in flight (retryBudget)"},
		{
			"share of a budget",
			mesh.Policy{RetryBudget: &mesh.RetryBudget{Percent: 50, MinRetries: 1}, Limits: mesh.Limits{Retries: 1}},
			[]int{0, 0, 0, 1, 1, 1, 1},
			"3 retries are in flight (retryBudget)",
		},
		{"a budget over time", mesh.Policy{RetryBudget: &mesh.RetryBudget{Percent: 20, MinRetries: 1, Interval: time.Second}}, []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1}, "2 retries are in flight (retryBudget)"},
	} {
		s := plain(2)
		s.Policy = tt.policy
		w := newWorld(t, s)
		var last error
		for n, tries := range tt.tries {
			if last != nil {
				t.Fatalf("%s: request %d was refused: %v", tt.name, n, last)
			}
			_, last = w.set.Pick(w.route, nil, make([]*Instance, tries))
		}
		if got := fmt.Sprint(last); !strings.HasSuffix(got, tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, last, tt.want)
		}
	}
}

func TestQuota(t *testing.T) {
	s := plain(2)
	s.Policy.Limits = mesh.Limits{Connections: 3, Pending: 1}
	w := newWorld(t, s)
	members := w.set.view.Load().groups[destination{service: "plain"}].parts[0].members
	a, b := members[0].Quota(), members[1].Quota()
	if a != b {
		t.Fatal("the instances of one service have quotas of their own")
	}
	for n, open := range []int{0, 1, 2} {
		if !a.Take(open) {
			t.Fatalf("connection %d was refused", n)
		}
	}
	if a.Take(3) || !b.Take(0) || b.Take(1) {
		t.Error("want three connections, and the first to an instance in any case")
	}
	a.Give()
	a.Give()
	if !b.Take(1) {
		t.Error("a connection that was given back is not to be had")
	}
	if err := a.Wait(); err != nil {
		t.Error(err)
	}
	if err := b.Wait(); err == nil || !strings.Contains(err.Error(), "all 3 connections are in use and 1 requests wait for one") {
		t.Errorf("err %v", err)
	}
	if st := w.set.State().Services[0]; st.Connections != (Usage{3, 3}) || st.Pending != (Usage{1, 1}) {
		t.Errorf("usage %+v %+v", st.Connections, st.Pending)
	}
	a.Served()
	if err := b.Wait(); err != nil {
		t.Error(err)
	}
}

// TestPickAllocatesNothing is the promise of the read path, for each way to choose.
func TestPickAllocatesNothing(t *testing.T) {
	for _, lb := range balancers {
		for _, n := range []int{2, 100, 5000} {
			set, r, ask := setOf(t, lb, n)
			got := testing.AllocsPerRun(1000, func() {
				l, err := set.Pick(r, ask, nil)
				if err != nil {
					t.Fatal(err)
				}
				l.Done(Outcome{Took: time.Millisecond, Status: 200, GRPCStatus: -1})
			})
			if got != 0 {
				t.Errorf("%s of %d: %v allocations", lb, n, got)
			}
		}
	}
}

var balancers = []mesh.LoadBalancer{mesh.PeakEWMA, mesh.LeastRequest, mesh.RoundRobin, mesh.Random, mesh.RingHash, mesh.Maglev}

func setOf(t testing.TB, lb mesh.LoadBalancer, n int) (*Set, *route.Route, *route.Request) {
	s := plain(n)
	s.Policy.LoadBalancer = lb
	if lb == mesh.RingHash || lb == mesh.Maglev {
		s.Policy.Hash = &mesh.Hash{Header: "x-user"}
	}
	set := New(Deps{})
	table, err := route.Compile([]mesh.Snapshot{s})
	if err != nil {
		t.Fatal(err)
	}
	set.Update([]mesh.Snapshot{s})
	ask := asking("/", map[string]string{"x-user": "ann"})
	r, err := table.Match(s.Service, ask)
	if err != nil {
		t.Fatal(err)
	}
	return set, r, ask
}

// TestConcurrentUse: picks, failures, sweeps and updates at once.
func TestConcurrentUse(t *testing.T) {
	s := placed("eu/a/1", "eu/a/2", "eu/b/1", "us/a/1")
	s.Policy.Outlier = &mesh.Outlier{ConsecutiveErrors: 2, MaxEjectedPercent: 50, Interval: time.Millisecond, BaseEjection: time.Millisecond}
	s.Policy.HealthCheck = &mesh.HealthCheck{TCP: true, Interval: time.Second}
	w := from(t, "eu/a/1", s)
	r := w.route
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for k := range 2000 {
				l, err := w.set.Pick(r, nil, nil)
				if err != nil {
					continue
				}
				if (n+k)%3 == 0 {
					l.Done(failed(503))
				} else {
					l.Done(Outcome{Status: 200, GRPCStatus: -1})
				}
			}
		})
	}
	wg.Go(func() {
		for k := range 100 {
			s.Version++
			s.Policy.Outlier = &mesh.Outlier{ConsecutiveErrors: 1 + k%3, MaxEjectedPercent: 50, Interval: time.Millisecond, BaseEjection: time.Millisecond}
			w.set.Update([]mesh.Snapshot{s})
			for n, c := range w.set.Checks() {
				w.set.SetHealth(c.Instance, Health{Well: (n+k)%2 == 0})
			}
			w.set.State()
		}
	})
	wg.Wait()
	for _, st := range w.set.State().Instances {
		if st.InFlight != 0 {
			t.Errorf("%s has %d in flight at the end", st.Instance, st.InFlight)
		}
	}
}

func BenchmarkPickOf(b *testing.B) {
	for _, lb := range balancers {
		for _, n := range []int{2, 100, 5000} {
			b.Run(fmt.Sprintf("%s/%d", lb, n), func(b *testing.B) {
				set, r, ask := setOf(b, lb, n)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						l, err := set.Pick(r, ask, nil)
						if err != nil {
							b.Fatal(err)
						}
						l.Done(Outcome{Took: time.Millisecond, Status: 200, GRPCStatus: -1})
					}
				})
			})
		}
	}
}
