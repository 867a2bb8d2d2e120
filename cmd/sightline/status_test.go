package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestChangesAreTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change      mesh.ConfigChange
		names, fate string
	}{
		{
			mesh.ConfigChange{Services: []mesh.ServiceName{"a", "b"}, Changed: 2, Sidecars: 3, Applied: 3, P50: 2.5, Last: 7},
			"a, b", "half in 2.5 ms, all in 7.0 ms",
		},
		{
			mesh.ConfigChange{
				Services: []mesh.ServiceName{"a", "b", "c", "d"}, Changed: 9, Sidecars: 9, Applied: 4, Refused: 1, Left: 2, P50: 1, Last: 2,
				Committed: time.Now().Add(-3 * time.Second),
			},
			"a, b, c, 6 more", "half in 1.0 ms, all in 2.0 ms, 1 refused, 2 hung up, 2 pending for 3s",
		},
		{mesh.ConfigChange{Services: []mesh.ServiceName{"a"}, Changed: 1}, "a", ""},
		{mesh.ConfigChange{Policies: []string{"AuthorizationPolicy shop/p"}, PoliciesChanged: 1}, "AuthorizationPolicy shop/p", ""},
		{
			mesh.ConfigChange{Services: []mesh.ServiceName{"a", "b"}, Changed: 2, Policies: []string{"Telemetry shop/t", "Sidecar shop/s"}, PoliciesChanged: 5},
			"Telemetry shop/t, Sidecar shop/s, a, 4 more", "",
		},
		{mesh.ConfigChange{}, "policies", ""},
	} {
		if diff := cmp.Diff([]string{c.names, c.fate}, []string{namesOf(c.change), fateOf(c.change)}); diff != "" {
			t.Errorf("%+v: %s", c.change, diff)
		}
	}
}

func TestAMeshWithWhatCannotBeReadIsNotWell(t *testing.T) {
	t.Parallel()
	s := meshStatus{}
	if got := s.problems(); len(got) > 0 {
		t.Fatalf("an empty mesh is not well: %q", got)
	}
	s.Unreadable = []mesh.Unreadable{{Table: "resources", Resource: "DestinationRule default/reviews", Reason: "spec.x: unknown field", Instead: mesh.InsteadLastGood}}
	s.Problems = s.problems()
	var out strings.Builder
	if err := (&globals{output: "text"}).print(&out, s, s.text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"DestinationRule default/reviews  spec.x: unknown field  what it said before holds",
		"Not well: 1 piece of state cannot be read: DestinationRule default/reviews\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("told as\n%s\nwhich lacks %q", out.String(), want)
		}
	}
}

// What sidecars made is told beside what came; what is missing is a problem where the
// sidecar is there to bring it.
func TestTelemetryThatDoesNotComeIsTold(t *testing.T) {
	t.Parallel()
	s := meshStatus{
		Proxies: []mesh.ProxyStatus{{Instance: mesh.Instance{ID: "web-1", State: mesh.Ready}, Connected: true, InSync: true}},
		Signals: []signal.Pipeline{
			{Signal: "traces", Received: 80, Stored: 80, Sidecars: &signal.Sent{
				Made: 100, Received: 70, InFlight: 8, Dropped: map[string]uint64{"queue full": 5}, Unaccounted: 17, Missing: []string{"gone-1", "web-1"},
			}},
			{Signal: "logs", Sidecars: &signal.Sent{Made: 3, Received: 3, Missing: nil}},
			{Signal: "metrics"},
		},
	}
	s.Problems = s.problems()
	if diff := cmp.Diff([]string{"1 sidecar's telemetry does not come: web-1"}, s.Problems); diff != "" {
		t.Error(diff)
	}
	var out strings.Builder
	if err := (&globals{output: "text"}).print(&out, s, s.text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"MADE BY SIDECARS", "5 (queue full)", "UNACCOUNTED\n", "17\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("told as\n%s\nwhich lacks %q", out.String(), want)
		}
	}
	s.Signals[0].Sidecars.Missing = []string{"gone-1"}
	if got := s.problems(); len(got) > 0 {
		t.Errorf("one that is gone is a problem: %q", got)
	}
}

// A clock that goes wrong is one before handshakes fail, and what is not known is no trouble.
func TestClocksThatDifferAreTold(t *testing.T) {
	t.Parallel()
	proxy := func(id mesh.InstanceID, ahead time.Duration) mesh.ProxyStatus {
		return mesh.ProxyStatus{Instance: mesh.Instance{ID: id, State: mesh.Ready}, Connected: true, InSync: true, ClockAheadMs: mesh.Milliseconds(ahead)}
	}
	s := meshStatus{
		Proxies: []mesh.ProxyStatus{proxy("a-1", 0), proxy("b-1", 59*time.Second), proxy("c-1", -90*time.Second)},
		Planes:  []mesh.Replica{{ID: "one"}, {ID: "two", ClockAheadMs: 180000}, {ID: "three", ClockAheadMs: -0.4}},
	}
	s.Problems = s.problems()
	if diff := cmp.Diff([]string{"2 clocks differ from the control plane's: c-1 (1m30s behind), control plane two (3m0s ahead)"}, s.Problems); diff != "" {
		t.Error(diff)
	}
	var out strings.Builder
	if err := (&globals{output: "text"}).print(&out, s, s.text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CLOCK OF", "c-1       1m30s behind; handshakes fail from five minutes on\n", "3m0s ahead\n", "in step\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("told as\n%s\nwhich lacks %q", out.String(), want)
		}
	}
}

// Who was turned away lately is told beside the sidecars; a certificate of which nothing is
// known has not expired for that.
func TestWhatWasTurnedAwayIsTold(t *testing.T) {
	t.Parallel()
	strict := func(id mesh.InstanceID, ago time.Duration) mesh.ProxyStatus {
		return mesh.ProxyStatus{
			Instance: mesh.Instance{ID: id, State: mesh.Ready}, Connected: true, InSync: true,
			TurnedAway: mesh.TurnedAway{Plaintext: 3, From: "10.0.0.7", Last: time.Now().Add(-ago)},
		}
	}
	s := meshStatus{Proxies: []mesh.ProxyStatus{strict("vault-1", 20*time.Second), strict("old-1", 2*time.Hour), {Instance: mesh.Instance{ID: "away-1"}}}}
	var out strings.Builder
	if err := (&globals{output: "text"}).print(&out, s, s.text); err != nil {
		t.Fatal(err)
	}
	if want := "vault-1   3 in plaintext, where it takes mutual TLS alone; the last from 10.0.0.7, 20s ago\n"; !strings.Contains(out.String(), want) {
		t.Errorf("told as\n%s\nwhich lacks %q", out.String(), want)
	}
	for _, wrong := range []string{"old-1     3", "expired"} {
		if strings.Contains(out.String(), wrong) {
			t.Errorf("told as\n%s\nwhich has %q", out.String(), wrong)
		}
	}
}

// An app that does not listen where its sidecar was told to look leaves its workload
// starting for good.
func TestAWorkloadThatDoesNotComeUpIsAProblem(t *testing.T) {
	t.Parallel()
	proxy := func(id mesh.InstanceID, state mesh.InstanceState, since time.Duration) mesh.ProxyStatus {
		return mesh.ProxyStatus{Instance: mesh.Instance{ID: id, State: state}, Connected: true, InSync: true, Since: time.Now().Add(-since)}
	}
	told := proxy("ledger", mesh.Starting, time.Hour)
	told.Instance.Origin = "file"
	unknown := proxy("old-1", mesh.Starting, 0)
	unknown.Since = time.Time{}
	for _, c := range []struct {
		why  string
		of   []mesh.ProxyStatus
		want []string
	}{
		{"starts", []mesh.ProxyStatus{proxy("web-1", mesh.Starting, 50*time.Second)}, []string{}},
		{"is ready, drains, only calls", []mesh.ProxyStatus{proxy("a", mesh.Ready, time.Hour), proxy("b", mesh.Draining, time.Hour), proxy("c", mesh.Caller, time.Hour)}, []string{}},
		{"is no sidecar's, or nobody knows since when", []mesh.ProxyStatus{told, unknown}, []string{}},
		{"one", []mesh.ProxyStatus{proxy("web-1", mesh.Starting, 130*time.Second)}, []string{"1 workload is not ready: web-1 (starting for 2m)"}},
		{
			"some",
			[]mesh.ProxyStatus{proxy("web-1", mesh.Starting, 61*time.Second), proxy("web-2", mesh.Starting, time.Hour)},
			[]string{"2 workloads are not ready: web-1 (starting for 1m), web-2 (starting for 1h0m)"},
		},
	} {
		if diff := cmp.Diff(c.want, meshStatus{Proxies: c.of}.problems()); diff != "" {
			t.Errorf("%s: %s", c.why, diff)
		}
	}
}
