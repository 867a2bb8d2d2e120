package remedy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/remedy"
)

// bench plays looks against Decide and keeps what it said.
type bench struct {
	t         *testing.T
	config    remedy.Config
	state     remedy.State
	now       time.Time
	instances []mesh.Instance
	snapshots map[mesh.ServiceName]mesh.Snapshot
	events    []mesh.Event
	changed   []mesh.Verdict
}

func newBench(t *testing.T, instances ...string) *bench {
	b := &bench{t: t, config: remedy.Default(), now: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)}
	for _, name := range instances {
		at := target(name)
		b.instances = append(b.instances, mesh.Instance{ID: at.Instance, Service: at.Service, Version: at.Version, State: mesh.Ready})
	}
	return b
}

// target reads "pay:v2/b".
func target(word string) mesh.Target {
	service, rest, _ := strings.Cut(word, ":")
	version, instance, _ := strings.Cut(rest, "/")
	return mesh.Target{Service: mesh.ServiceName(service), Version: mesh.Version(version), Instance: mesh.InstanceID(instance)}
}

// bad is an anomaly, fine a sibling without one.
func bad(name string, failed, requests uint64) mesh.Observation {
	o := fine(name, requests)
	o.Failed = failed
	o.Anomaly = &mesh.Anomaly{Kind: "error-share", Bound: 0.5, Detail: fmt.Sprintf("%d of %d failed", failed, requests), Traces: []string{"abc"}}
	return o
}

func fine(name string, requests uint64) mesh.Observation {
	return mesh.Observation{Target: target(name), Requests: requests}
}

func (b *bench) decide(in remedy.Input) {
	in.Now, in.Instances, in.Snapshots = b.now, b.instances, b.snapshots
	in.Seen = slices.Clone(in.Seen)
	for i := range in.Seen {
		in.Seen[i].End = b.now
		if in.Seen[i].Start.IsZero() {
			in.Seen[i].Start = b.now.Add(-2 * time.Second)
		}
	}
	before := b.state.Verdicts()
	next, out := remedy.Decide(b.config, b.state, in)
	if diff := cmp.Diff(before, b.state.Verdicts()); diff != "" {
		b.t.Fatalf("Decide changed the state it was given:\n%s", diff)
	}
	b.state = next
	b.events = append(b.events, out.Events...)
	b.changed = append(b.changed, out.Verdicts...)
}

func (b *bench) look(seen ...mesh.Observation) {
	b.now = b.now.Add(500 * time.Millisecond)
	b.decide(remedy.Input{Looked: true, Seen: seen})
}

func (b *bench) wait(d time.Duration) {
	for end := b.now.Add(d); b.now.Before(end); {
		b.now = b.now.Add(500 * time.Millisecond)
		b.decide(remedy.Input{})
	}
}

// want compares what is in force, as "pay:v2 tripped", and forgets the events after
// comparing their kinds.
func (b *bench) want(verdicts string, kinds ...mesh.EventKind) {
	b.t.Helper()
	var have []string
	for _, v := range b.state.Verdicts() {
		s := fmt.Sprintf("%s %s", v.Target, v.Phase)
		if v.Phase == mesh.Probing {
			s += fmt.Sprintf(" %v", v.Admit)
		}
		have = append(have, s)
		if v.Until.Before(b.now) {
			b.t.Errorf("%s: until %s, which is past", s, v.Until)
		}
	}
	if got := strings.Join(have, ", "); got != verdicts {
		b.t.Errorf("in force: %q, want %q", got, verdicts)
	}
	var told []mesh.EventKind
	for _, e := range b.events {
		told = append(told, e.Kind)
	}
	if diff := cmp.Diff(kinds, told); diff != "" {
		b.t.Errorf("events (-want +got):\n%s\n%s", diff, b.summaries())
	}
	b.events = nil
}

func (b *bench) summaries() string {
	var out []string
	for _, e := range b.events {
		out = append(out, e.Summary)
	}
	return strings.Join(out, "\n")
}

const (
	anomalous = mesh.EventAnomaly
	tripped   = mesh.EventTripped
	probing   = mesh.EventProbing
	released  = mesh.EventReleased
)

func TestTheWholeWay(t *testing.T) {
	b := newBench(t, "pay:v1/a", "pay:v2/b")
	failing := []mesh.Observation{bad("pay:v2", 8, 12), bad("pay:v2/b", 8, 12), fine("pay:v1", 60)}
	b.look(failing...)
	b.want("") // one look is not enough
	b.look(failing...)
	b.want("pay:v2 tripped", anomalous, tripped)
	v := b.state.Verdicts()[0]
	if v.Admit != 0 || v.By != "remedy" || len(v.Traces) != 1 || !strings.Contains(v.Reason, "8 of 12 failed; pay:v1 is fine (0 of 60 failed)") {
		t.Errorf("verdict = %+v", v)
	}
	b.look(failing...) // the window still holds the failures
	b.wait(2 * time.Second)
	b.want("pay:v2 tripped")
	b.wait(time.Second)
	b.want("pay:v2 probing 0.1", probing)

	probe := func(failed, requests uint64) mesh.Observation {
		o := fine("pay:v2", requests)
		o.Failed = failed
		o.Start = b.now
		return o
	}
	b.look(probe(1, 1))
	b.want("pay:v2 tripped", tripped)
	b.wait(3 * time.Second)
	b.want("pay:v2 tripped") // a little longer than before
	b.wait(time.Second)
	b.want("pay:v2 probing 0.1", probing)

	stale := probe(0, 40)
	stale.Start = b.now.Add(-10 * time.Second)
	b.look(stale) // requests of before the probing are no sign of recovery
	b.want("pay:v2 probing 0.1")
	b.look(probe(0, 1))
	b.want("pay:v2 probing 0.4", probing)
	b.look(probe(0, 4))
	b.want("pay:v2 probing 0.4")
	b.look(probe(0, 5))
	b.want("", released)
	last := b.changed[len(b.changed)-1]
	if last.Phase != mesh.Released || last.ID != v.ID {
		t.Errorf("last changed verdict = %+v", last)
	}
}

func TestEvidence(t *testing.T) {
	tests := []struct {
		name      string
		instances string
		looks     [][]mesh.Observation
		want      string
	}{
		{"two of three looks", "pay:v1/a pay:v2/b", [][]mesh.Observation{{bad("pay:v2", 9, 20), fine("pay:v1", 50)}, {}, {bad("pay:v2", 9, 20), fine("pay:v1", 50)}}, "pay:v2"},
		{"one of three looks", "pay:v1/a pay:v2/b", [][]mesh.Observation{{bad("pay:v2", 9, 20), fine("pay:v1", 50)}, {}, {}, {bad("pay:v2", 9, 20), fine("pay:v1", 50)}}, ""},
		{"few requests", "pay:v1/a pay:v2/b", repeat(bad("pay:v2", 9, 9), fine("pay:v1", 50)), ""},
		{"few failures", "pay:v1/a pay:v2/b", repeat(bad("pay:v2", 4, 20), fine("pay:v1", 50)), ""},
		{"a sibling fails too", "pay:v1/a pay:v2/b", repeat(bad("pay:v2", 9, 20), bad("pay:v1", 9, 20)), ""},
		{"a sibling fails a little", "pay:v1/a pay:v2/b", repeat(bad("pay:v2", 9, 20), withFailed(fine("pay:v1", 50), 5)), ""},
		{"a sibling without traffic", "pay:v1/a pay:v2/b", repeat(bad("pay:v2", 9, 20), fine("pay:v1", 1)), ""},
		{"a sibling that nothing is known of", "pay:v1/a pay:v2/b", repeat(bad("pay:v2", 9, 20)), ""},
		{"a sibling that is gone", "pay:v2/b", repeat(bad("pay:v2", 9, 20), fine("pay:v1", 50)), ""},
		{"an empty registry", "", repeat(bad("pay:v2", 9, 20), fine("pay:v1", 50)), ""},
		{"the only version", "pay:v2/b", repeat(bad("pay:v2", 9, 20)), ""},
		{"one bad instance", "pay:v2/a pay:v2/b", repeat(bad("pay:v2", 9, 40), bad("pay:v2/b", 9, 20), fine("pay:v2/a", 20)), "pay:v2/b"},
		{"one bad instance among versions", "pay:v1/z pay:v2/a pay:v2/b pay:v2/c", repeat(bad("pay:v2", 9, 40), bad("pay:v2/b", 9, 20), fine("pay:v2/a", 20), fine("pay:v1", 30)), "pay:v2/b"},
		{"all instances of a version", "pay:v1/y pay:v1/z pay:v2/a pay:v2/b", repeat(bad("pay:v2", 9, 40), bad("pay:v2/a", 9, 20), bad("pay:v2/b", 9, 20), fine("pay:v1", 30)), "pay:v2"},
		{"one of two fails, and another version", "pay:v1/z pay:v2/a pay:v2/b", repeat(bad("pay:v2", 9, 40), bad("pay:v2/b", 9, 20), fine("pay:v1", 30)), ""}, // v2 would be two of three
		{"most of the capacity", "pay:v1/a pay:v2/b pay:v2/c", repeat(bad("pay:v2", 9, 20), fine("pay:v1", 50)), ""},
		{"other services do not matter", "pay:v1/a pay:v2/b cart:v1/c", repeat(bad("pay:v2", 9, 20), fine("cart:v1", 50)), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, strings.Fields(tt.instances)...)
			for _, seen := range tt.looks {
				b.look(seen...)
			}
			var got []string
			for _, v := range b.state.Verdicts() {
				got = append(got, v.Target.String())
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("tripped %q, want %q\n%s", s, tt.want, b.summaries())
			}
		})
	}
}

func repeat(seen ...mesh.Observation) [][]mesh.Observation {
	return [][]mesh.Observation{seen, seen, seen}
}

func withFailed(o mesh.Observation, n uint64) mesh.Observation {
	o.Failed = n
	return o
}

func TestLeftAloneIsToldOnce(t *testing.T) {
	b := newBench(t, "pay:v2/b")
	for range 20 {
		b.look(bad("pay:v2", 9, 20))
	}
	if len(b.events) != 1 || !strings.Contains(b.events[0].Summary, "left alone: no other version is known to be fine") {
		t.Errorf("events:\n%s", b.summaries())
	}
	b.want("", anomalous)
	for range 30 { // an episode ends when nothing was seen for ten seconds
		b.look()
	}
	b.look(bad("pay:v2", 9, 20))
	b.look(bad("pay:v2", 9, 20))
	b.want("", anomalous)
}

func TestModes(t *testing.T) {
	for mode, want := range map[remedy.Mode]string{remedy.Act: "pay:v2 tripped", remedy.Observe: "", remedy.Off: ""} {
		b := newBench(t, "pay:v1/a", "pay:v2/b")
		b.config.Mode, b.config.Services = remedy.Off, map[mesh.ServiceName]remedy.Mode{"pay": mode}
		for range 3 {
			b.look(bad("pay:v2", 9, 20), fine("pay:v1", 50))
		}
		switch mode {
		case remedy.Act:
			b.want(want, anomalous, tripped)
		case remedy.Observe:
			b.want(want, anomalous)
		case remedy.Off:
			b.want(want)
		}
	}
}

func TestAtMostSoMany(t *testing.T) {
	var names []string
	var seen []mesh.Observation
	for i := range 8 {
		s := fmt.Sprintf("s%d", i)
		names = append(names, s+":v1/"+s+"a", s+":v2/"+s+"b")
		seen = append(seen, bad(s+":v2", 9, 20), fine(s+":v1", 50))
	}
	b := newBench(t, names...)
	for range 5 {
		b.look(seen...)
	}
	if n := len(b.state.Verdicts()); n != b.config.MaxVerdicts {
		t.Errorf("%d verdicts in force, want %d", n, b.config.MaxVerdicts)
	}
	if !strings.Contains(b.summaries(), "left alone: 5 verdicts are in force already") {
		t.Errorf("events:\n%s", b.summaries())
	}
}

func TestCooldown(t *testing.T) {
	b := newBench(t, "pay:v1/a", "pay:v2/b")
	b.config.Cooldown = 5 * time.Second
	seen := []mesh.Observation{bad("pay:v2", 9, 20), fine("pay:v1", 50)}
	b.look(seen...)
	b.look(seen...)
	b.wait(3 * time.Second)
	good := fine("pay:v2", 9)
	good.Start = b.now
	b.look(good)
	b.look(good)
	b.want("", anomalous, tripped, probing, probing, released)
	for range 9 { // 4.5 s
		b.look(seen...)
	}
	b.want("")
	b.look(seen...)
	b.look(seen...)
	b.want("pay:v2 tripped", anomalous, tripped)
}

func TestProbingWithoutTrafficGoesOn(t *testing.T) {
	b := newBench(t, "pay:v1/a", "pay:v2/b")
	b.look(bad("pay:v2", 9, 20), fine("pay:v1", 50))
	b.look(bad("pay:v2", 9, 20), fine("pay:v1", 50))
	b.wait(time.Minute)
	b.want("pay:v2 probing 0.4", anomalous, tripped, probing, probing)
	renewed := 0
	for _, v := range b.changed {
		if v.Phase == mesh.Probing {
			renewed++
		}
	}
	if renewed < 3 {
		t.Errorf("the verdict was written %d times while probing, want renewals", renewed)
	}
}

func TestResume(t *testing.T) {
	b := newBench(t)
	late := mesh.Verdict{ID: "1", Target: target("pay:v2"), Phase: mesh.Tripped, By: "remedy", Until: b.now.Add(-time.Second)}
	held := mesh.Verdict{ID: "2", Target: target("cart"), Phase: mesh.Tripped, By: "ann", Held: true, Until: b.now.Add(time.Second)}
	own := mesh.Verdict{ID: "3", Target: target("van:v1"), Phase: mesh.Tripped, By: "remedy", Until: b.now.Add(time.Minute)}
	b.state = remedy.Resume([]mesh.Verdict{late, held, own, {ID: "4", Phase: mesh.Released}}, b.now)
	b.decide(remedy.Input{})
	b.want("cart tripped, van:v1 tripped", released)
	b.wait(3 * time.Second)
	b.want("cart tripped, van:v1 probing 0.1", probing)
	b.wait(5 * time.Minute)
	b.want("cart tripped, van:v1 probing 0.4", probing)
}

func TestValidate(t *testing.T) {
	if err := remedy.Default().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	c := remedy.Config{Mode: "maybe", Services: map[mesh.ServiceName]remedy.Mode{"pay": "no"}, Capacity: 2, Needed: 3, Windows: 2, Probe: []float64{3}}
	err := c.Validate()
	for _, want := range []string{`mode: "maybe"`, `services[pay]: "no"`, "needed: 3", "capacity: 2", "rest:", "probe[0]: 3", "good:", "lease: 0s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate does not name %s: %v", want, err)
		}
	}
}

func TestEvidenceOfBeforeTheReleaseIsOld(t *testing.T) {
	b := newBench(t, "pay:v1/a", "pay:v2/b")
	b.look(bad("pay:v2", 9, 20), fine("pay:v1", 50))
	b.look(bad("pay:v2", 9, 20), fine("pay:v1", 50))
	failed := b.now
	b.wait(3 * time.Second)
	good := fine("pay:v2", 9)
	good.Start = b.now
	b.look(good)
	b.look(good)
	b.want("", anomalous, tripped, probing, probing, released)
	for range 20 { // a long window still holds the failures
		old := bad("pay:v2", 9, 60)
		old.Start = failed
		b.look(old, fine("pay:v1", 50))
	}
	b.want("")
}
