package upstream

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// ported is plain(n) whose copies have gRPC on 9090 beside their first port, but for the
// last one.
func ported(n int) mesh.Snapshot {
	s := plain(n)
	s.Ports = []mesh.ServicePort{{Port: mesh.Port{Number: 8080}}, {Port: mesh.Port{Number: 9090, Name: "grpc"}, Group: 9090}}
	for k := range s.Instances {
		i := &s.Instances[k]
		i.AppPort, i.Ports = 8080, []mesh.Port{{Number: 8080}}
		if k < n-1 {
			i.Ports = append(i.Ports, mesh.Port{Number: 9090, Name: "grpc", Protocol: mesh.GRPC})
		}
	}
	return s
}

func routeTo(t *testing.T, port uint16, snaps ...mesh.Snapshot) *route.Route {
	t.Helper()
	table, err := route.Compile(snaps)
	if err != nil {
		t.Fatal(err)
	}
	r, err := table.Match(snaps[0].Service, &route.Request{Method: "GET", Path: "/", Port: port})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pickAt(t *testing.T, s *Set, r *route.Route) *Instance {
	t.Helper()
	l, err := s.Pick(r, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Done(Outcome{Took: time.Millisecond, Status: 200, GRPCStatus: -1})
	return l.Instance
}

func TestOnlyWhoHasThePortIsChosen(t *testing.T) {
	snap := ported(3)
	s := New(Deps{})
	s.Update([]mesh.Snapshot{snap})
	first, second := routeTo(t, 0, snap), routeTo(t, 9090, snap)
	seen := map[uint16]map[mesh.InstanceID]bool{0: {}, 9090: {}}
	for range 300 {
		seen[0][pickAt(t, s, first).Info.ID] = true
		i := pickAt(t, s, second)
		if i.Port != 9090 || i.Info.AppPort != 9090 || i.Info.AppProtocol != mesh.GRPC {
			t.Fatalf("chosen for port 9090: %+v", i)
		}
		seen[9090][i.Info.ID] = true
	}
	if len(seen[0]) != 3 || len(seen[9090]) != 2 || seen[9090][snap.Instances[2].ID] {
		t.Errorf("chosen: %v", seen)
	}
	kept := pickAt(t, s, second)
	s.Update([]mesh.Snapshot{snap})
	if all := s.view.Load().instances; !slices.Contains(slices.Collect(values(all)), kept) {
		t.Error("an update has made the port's instance anew")
	}
	var gone []uint16
	s.deps.OnRemove = func(i *Instance) { gone = append(gone, i.Port) }
	snap.Ports, snap.Instances = nil, snap.Instances[2:]
	s.Update([]mesh.Snapshot{snap})
	slices.Sort(gone)
	if !slices.Equal(gone, []uint16{0, 0, 9090, 9090}) {
		t.Errorf("ports %v of instances that left are told of", gone)
	}
}

func values(m map[key]*Instance) func(func(*Instance) bool) {
	return func(yield func(*Instance) bool) {
		for _, i := range m {
			if !yield(i) {
				return
			}
		}
	}
}

// A port that fails does not take the copy's other ports with it.
func TestPortsHaveBreakersOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		snap := ported(3)
		s := New(Deps{})
		s.Update([]mesh.Snapshot{snap})
		first, second := routeTo(t, 0, snap), routeTo(t, 9090, snap)
		for range 60 {
			if l, err := s.Pick(second, nil, nil); err == nil {
				l.Done(Outcome{Took: time.Millisecond, GRPCStatus: -1, Kind: Failure})
			}
		}
		out := map[uint16]int{}
		for _, i := range s.State().Instances {
			if i.Breaker != "admitting" {
				out[i.Port]++
			}
		}
		if out[9090] == 0 || out[0] != 0 {
			t.Errorf("tripped by port: %v", out)
		}
		pickAt(t, s, first)
	})
}

func TestPolicyOfAPort(t *testing.T) {
	snap := ported(2)
	snap.Policy = mesh.Policy{Limits: mesh.Limits{Requests: 5, Retries: 4}, RetryBudget: &mesh.RetryBudget{Percent: 10}}
	snap.PortPolicies = []mesh.PortPolicy{{Port: 9090, Policy: mesh.Policy{Limits: mesh.Limits{Requests: 1}}}}
	s := New(Deps{})
	s.Update([]mesh.Snapshot{snap})
	first, second := routeTo(t, 0, snap), routeTo(t, 9090, snap)
	if _, err := s.Pick(second, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pick(second, nil, nil); !errors.Is(err, ErrOverflow) {
		t.Errorf("the second request to 9090: %v, want its limit", err)
	}
	for range 5 {
		if _, err := s.Pick(first, nil, nil); err != nil {
			t.Errorf("a request to 8080: %v", err)
		}
	}
	if l := pickLimits(s, 9090); l != (mesh.Limits{Requests: 1}) {
		t.Errorf("limits of 9090 are %+v: what its policy leaves out is the mesh's default", l)
	}
	p := basePolicy(&snap, 9090)
	if p.RetryBudget == nil {
		t.Error("the retry budget is no port's own")
	}
	sub := mesh.Subset{Name: "v1", Policy: &mesh.Policy{LoadBalancer: mesh.Random}, PortPolicies: []mesh.PortPolicy{{Port: 8080, Policy: mesh.Policy{LoadBalancer: mesh.RoundRobin}}}}
	for port, want := range map[uint16]mesh.Policy{
		0:    {LoadBalancer: mesh.RoundRobin},
		9090: {LoadBalancer: mesh.Random, Limits: mesh.Limits{Requests: 1}},
	} {
		got := subsetPolicy(&snap, &sub, port)
		if got.LoadBalancer != want.LoadBalancer || got.Limits != want.Limits {
			t.Errorf("subset at %d: %+v", port, got)
		}
	}
}

func pickLimits(s *Set, port uint16) (l mesh.Limits) {
	for _, i := range s.view.Load().instances {
		if i.Port == port {
			l = i.Limits()
		}
	}
	return l
}

// A copy is asked at one port whether it is well, and that holds for all of them.
func TestHealthIsThatOfTheCopy(t *testing.T) {
	for _, port := range []uint16{0, 8080, 9090} {
		snap := ported(3)
		snap.Policy.HealthCheck = &mesh.HealthCheck{TCP: true, Port: port, Interval: time.Second}
		s := New(Deps{})
		s.Update([]mesh.Snapshot{snap})
		asked := s.Checks()
		want := map[uint16]int{0: 3, 8080: 3, 9090: 2}[port]
		if len(asked) != want {
			t.Fatalf("port %d: %d are asked, want %d", port, len(asked), want)
		}
		at := slices.IndexFunc(asked, func(c Checked) bool { return c.Instance.Info.ID == snap.Instances[0].ID })
		s.SetHealth(asked[at].Instance, Health{Why: "GET /healthz: 500"})
		for _, r := range []*route.Route{routeTo(t, 0, snap), routeTo(t, 9090, snap)} {
			for range 100 {
				if i := pickAt(t, s, r); i.Info.ID == snap.Instances[0].ID {
					t.Fatalf("asked at %d: an unwell copy is chosen for port %d", port, i.Port)
				}
			}
		}
	}
}
