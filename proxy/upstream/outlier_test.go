package upstream

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// send sends one request to each instance, whichever are picked, that answers so.
func (w *world) sendTo(id mesh.InstanceID, n int, o Outcome) {
	w.Helper()
	for range n {
		for tries := 0; ; tries++ {
			l := w.pick()
			if l.Instance.Info.ID == id {
				l.Done(o)
				break
			}
			l.Done(Outcome{Kind: Canceled, GRPCStatus: -1})
			if tries > 1000 {
				w.Fatalf("%s is not picked", id)
			}
		}
	}
}

func failed(status int) Outcome { return Outcome{Status: status, GRPCStatus: -1, Kind: Failure} }

// TestOutcomesForOutlierDetection: which answers count as which errors.
func TestOutcomesForOutlierDetection(t *testing.T) {
	grpc := func(code int) Outcome { return Outcome{Status: 200, GRPCStatus: code, Kind: Success} }
	for _, tt := range []struct {
		name  string
		o     Outcome
		codes []int
		// whether it counts: as an error, as a gateway's, as a local failure when split
		errors, gateway, local bool
	}{
		{"success", Outcome{Status: 200, GRPCStatus: -1}, nil, false, false, false},
		{"not found", Outcome{Status: 404, GRPCStatus: -1}, nil, false, false, false},
		{"too many requests", Outcome{Status: 429, GRPCStatus: -1}, nil, false, false, false},
		{"500", failed(500), nil, true, false, false},
		{"501", failed(501), nil, true, false, false},
		{"502", failed(502), nil, true, true, false},
		{"503", failed(503), nil, true, true, false},
		{"504", failed(504), nil, true, true, false},
		{"505", failed(505), nil, true, false, false},
		{"no answer", Outcome{GRPCStatus: -1, Kind: Failure}, nil, true, true, true},
		{"an answer that broke off", Outcome{Status: 200, GRPCStatus: -1, Kind: Failure}, nil, true, true, true},
		{"gRPC: unavailable", grpc(14), nil, true, true, false},
		{"gRPC: deadline exceeded", grpc(4), nil, true, true, false},
		{"gRPC: internal", grpc(13), nil, true, false, false},
		{"gRPC: unimplemented", grpc(12), nil, true, false, false},
		{"gRPC: not found", grpc(5), nil, false, false, false},
		{"gRPC: cancelled", grpc(1), nil, false, false, false},
		{"gRPC: a code of tomorrow", grpc(99), nil, true, false, false},
		{"429 is listed", Outcome{Status: 429, GRPCStatus: -1}, []int{429}, true, false, false},
		{"500 is not listed", failed(500), []int{429}, false, false, false},
		{"503 is listed", failed(503), []int{503}, true, true, false},
		{"the caller went away", Outcome{GRPCStatus: -1, Kind: Canceled}, nil, false, false, false},
		{"a limit of our own", Outcome{GRPCStatus: -1, Kind: Overflow}, nil, false, false, false},
		{"its own limit", Outcome{Status: 503, GRPCStatus: -1, Kind: Overloaded}, nil, false, false, false},
		{"its own limit, and 503 is listed", Outcome{Status: 503, GRPCStatus: -1, Kind: Overloaded}, []int{503}, false, false, false},
		{"its own limit, of gRPC", Outcome{Status: 200, GRPCStatus: 14, Kind: Overloaded}, nil, false, false, false},
	} {
		for _, policy := range []struct {
			name string
			o    mesh.Outlier
			want bool
		}{
			{"errors", mesh.Outlier{ConsecutiveErrors: 3}, tt.errors},
			{"gateway", mesh.Outlier{ConsecutiveGateway: 3}, tt.gateway},
			{"local", mesh.Outlier{ConsecutiveLocal: 3, Split: true}, tt.local},
			{"errors, split", mesh.Outlier{ConsecutiveErrors: 3, Split: true}, tt.errors && !tt.local},
		} {
			s := plain(2)
			s.Policy.LoadBalancer = mesh.RoundRobin
			s.Policy.Outlier = &policy.o
			s.Policy.Outlier.ErrorCodes = tt.codes
			w := newWorld(t, s)
			w.sendTo("plain-v1-1", 3, tt.o)
			if got := w.state("plain-v1-1").Breaker == "tripped"; got != policy.want {
				t.Errorf("%s: %s: taken out is %v, want %v", tt.name, policy.name, got, policy.want)
			}
		}
	}
}

func TestOutlierDetectionReplacesTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := plain(4)
		s.Policy.LoadBalancer = mesh.RoundRobin
		s.Policy.Outlier = &mesh.Outlier{ConsecutiveErrors: 20, MaxEjectedPercent: 50}
		w := newWorld(t, s)
		w.sendTo("plain-v1-1", 19, failed(500)) // the breaker of its own would trip at the fifth
		if st := w.state("plain-v1-1"); st.Breaker != "admitting" || st.Outlier.Errors != 19 {
			t.Errorf("state %+v %+v", st, st.Outlier)
		}
		w.sendTo("plain-v1-1", 1, failed(500))
		st := w.state("plain-v1-1")
		if st.Breaker != "tripped" || st.Why != "20 consecutive errors" || st.Until.Sub(st.Since) != 30*time.Second {
			t.Errorf("state %+v", st)
		}
		for range 200 {
			l := w.pick()
			if l.Instance.Info.ID == "plain-v1-1" {
				t.Fatal("picked while it is taken out")
			}
			if want := "plain-v1-1: outlier (20 consecutive errors)"; l.Passed != want {
				t.Fatalf("passed over %q, want %q", l.Passed, want)
			}
			l.Done(Outcome{Status: 200, GRPCStatus: -1})
		}
		time.Sleep(29 * time.Second)
		if got := w.countInstances(400)["plain-v1-1"]; got > 0 {
			t.Errorf("%d requests before its rest was over", got)
		}
		time.Sleep(time.Second) // the third sweep
		if got := w.countInstances(400)["plain-v1-1"]; got < 50 {
			t.Errorf("%d requests of 400 after its rest: no probe is wanted, it has its share at once", got)
		}
		want := []string{"plain-v1-1 tripped", "plain-v1-1 admitting"}
		if len(w.changes) != 2 || w.changes[0] != want[0] || w.changes[1] != want[1] {
			t.Errorf("changes %v, want %v", w.changes, want)
		}
	})
}

// countInstances is count by instance.
func (w *world) countInstances(n int) map[mesh.InstanceID]int {
	w.Helper()
	got := map[mesh.InstanceID]int{}
	for range n {
		l, err := w.set.Pick(w.route, w.ask, nil)
		if err != nil {
			got["refused"]++
			continue
		}
		got[l.Instance.Info.ID]++
		l.Done(Outcome{Took: time.Millisecond, Status: 200, GRPCStatus: -1})
	}
	return got
}

// TestPanic: below the share of instances that are well, health is ignored; at 0, which
// is Istio's default, never.
func TestPanic(t *testing.T) {
	for _, tt := range []struct {
		instances, out, min int
		panics              bool
	}{
		{4, 2, 50, false}, // half is not less than half
		{4, 3, 50, true},
		{4, 4, 1, true},
		{4, 4, 0, false},
		{4, 1, 100, true},
		{4, 0, 100, false},
	} {
		s := plain(tt.instances)
		s.Policy.LoadBalancer = mesh.RoundRobin
		s.Policy.Outlier = &mesh.Outlier{ConsecutiveErrors: 1, MaxEjectedPercent: 100, MinHealthPercent: tt.min}
		w := newWorld(t, s)
		for n := range tt.out {
			all := w.set.view.Load().groups[destination{service: "plain"}].parts[0].members
			all[n].terms.Load().member.Report(1)
		}
		got := w.countInstances(100)
		switch {
		case tt.panics && len(got) != tt.instances:
			t.Errorf("%+v: got %v, want all of them", tt, got)
		case !tt.panics && tt.out == tt.instances && got["refused"] != 100:
			t.Errorf("%+v: got %v, want all refused", tt, got)
		case !tt.panics && tt.out < tt.instances && len(got) != tt.instances-tt.out:
			t.Errorf("%+v: got %v, want those that are well", tt, got)
		}
		l, err := w.set.Pick(w.route, nil, nil)
		if tt.panics && (err != nil || !strings.HasPrefix(l.Why, "panic: fewer than ")) {
			t.Errorf("%+v: why %q, %v", tt, l.Why, err)
		}
		if !tt.panics && tt.out == tt.instances && (!errors.Is(err, ErrTripped) || !strings.Contains(err.Error(), "outlier (1 consecutive errors)")) {
			t.Errorf("%+v: err %v", tt, err)
		}
	}
}

// TestScopes: a subset with a policy has outlier detection of its own, to Envoy a
// cluster of its own; the others share the service's.
func TestScopes(t *testing.T) {
	s := reviews(2, 50, 50)
	s.Policy.Outlier = &mesh.Outlier{ConsecutiveErrors: 1, MaxEjectedPercent: 50}
	s.Subsets[1].Policy = &mesh.Policy{Outlier: &mesh.Outlier{ConsecutiveErrors: 2, MaxEjectedPercent: 100}}
	w := newWorld(t, s)
	for range 100 {
		l, err := w.set.Pick(w.route, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.Done(failed(500))
	}
	out := map[mesh.Version]int{}
	for _, i := range w.set.State().Instances {
		if i.Breaker == "tripped" {
			out[i.Version]++
		}
	}
	if out["v1"] != 1 || out["v2"] != 2 {
		t.Errorf("taken out: %v, want half of v1 and all of v2", out)
	}
}

func TestOutlierDetectionComesAndGoes(t *testing.T) {
	s := plain(2)
	w := newWorld(t, s)
	s.Policy.Outlier = &mesh.Outlier{ConsecutiveErrors: 1, MaxEjectedPercent: 100}
	w.update(s)
	w.sendTo("plain-v1-1", 1, failed(500))
	if w.state("plain-v1-1").Breaker != "tripped" {
		t.Fatal("the new policy does not hold")
	}
	s.Instances[1].State = mesh.Draining
	w.update(s)
	if w.state("plain-v1-1").Breaker != "tripped" || w.state("plain-v1-2").Outlier != nil {
		t.Error("an update made it forget, or one that drains still counts")
	}
	s.Policy.Outlier = nil
	w.update(s)
	if st := w.state("plain-v1-1"); st.Breaker != "admitting" || st.Outlier != nil {
		t.Errorf("state %+v without the policy", st)
	}
}
