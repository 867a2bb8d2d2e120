package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestParseFault(t *testing.T) {
	got, err := ParseFault("errors@payments:v2,at=30s,for=20s,share=0.5")
	if err != nil {
		t.Fatal(err)
	}
	want := Fault{
		Kind: "errors", Target: mesh.Target{Service: "payments", Version: "v2"},
		At: 30 * time.Second, For: 20 * time.Second, Share: 0.5, Delay: 300 * time.Millisecond,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if f, err := ParseFault("latency@users,delay=1s"); err != nil || f.behaviour().DelayMS != 1000 {
		t.Errorf("latency = %+v, %v", f, err)
	}
}

func TestBadFaultsAreNamed(t *testing.T) {
	for in, want := range map[string]string{
		"payments:v2":                 "kind@service",
		"melt@payments:v2":            `"melt"`,
		"errors@bakery":               `"bakery"`,
		"errors@payments:v9":          `"payments:v9"`,
		"errors@payments,at=soon":     "at",
		"errors@payments,share=2":     "share",
		"errors@payments,colour=blue": `"colour"`,
	} {
		if _, err := ParseFault(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseFault(%q) = %v, want an error with %s", in, err, want)
		}
	}
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func event(second int, k mesh.EventKind, service, version string) mesh.Event {
	return mesh.Event{
		Time: start.Add(time.Duration(second) * time.Second), Kind: k,
		Target: mesh.Target{Service: mesh.ServiceName(service), Version: mesh.Version(version)},
	}
}

func TestStoryOfAFault(t *testing.T) {
	f, err := ParseFault("errors@payments:v2,for=30s")
	if err != nil {
		t.Fatal(err)
	}
	i := injection{fault: f, injected: start, ended: start.Add(30 * time.Second)}
	got := i.story([]mesh.Event{
		event(38, mesh.EventReleased, "payments", "v2"),
		event(3, mesh.EventAnomaly, "payments", "v2"),
		event(4, mesh.EventTripped, "payments", "v2"),
		event(9, mesh.EventProbing, "payments", "v2"),
		event(11, mesh.EventTripped, "payments", "v2"),
		event(5, mesh.EventTripped, "users", "v1"),
	})
	if got.MitigatedAfter != 4 || got.ReleasedAfter != 8 || !got.DetectedAt.Equal(start.Add(3*time.Second)) {
		t.Errorf("story = %+v, want detected 3 s, mitigated 4 s, released 8 s after the end", got)
	}
	if never := i.story(nil); never.MitigatedAfter != -1 || never.ReleasedAfter != -1 {
		t.Errorf("nothing happened, yet %+v", never)
	}
}

func TestFalseTrips(t *testing.T) {
	f, err := ParseFault("errors@payments:v2,for=30s")
	if err != nil {
		t.Fatal(err)
	}
	happened := []injection{{fault: f, injected: start, ended: start.Add(30 * time.Second)}}
	for _, c := range []struct {
		why  string
		e    mesh.Event
		want int
	}{
		{"the fault itself", event(3, mesh.EventTripped, "payments", "v2"), 0},
		{"its instance", mesh.Event{Time: start.Add(time.Second), Kind: mesh.EventTripped, Target: mesh.Target{Service: "payments", Version: "v2", Instance: "payments-v2-1"}}, 0},
		{"before it", event(-1, mesh.EventTripped, "payments", "v2"), 1},
		{"long after it", event(50, mesh.EventTripped, "payments", "v2"), 1},
		{"another version", event(3, mesh.EventTripped, "payments", "v1"), 1},
		{"a caller", event(3, mesh.EventTripped, "checkout", "v1"), 1},
		{"no trip at all", event(3, mesh.EventAnomaly, "checkout", "v1"), 0},
	} {
		if got := falseTrips([]mesh.Event{c.e}, happened); got != c.want {
			t.Errorf("%s: %d false trips, want %d", c.why, got, c.want)
		}
	}
}
