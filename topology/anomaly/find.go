package anomaly

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// KindErrorShare is the kind of anomalies found here.
const KindErrorShare = "error-share"

// Rules say what counts as an anomaly. All of them must hold, over one of the spans.
type Rules struct {
	// Requests and Failed are the least volume that is evidence at all.
	Requests, Failed uint64
	// The lower bound of the failed share, Z standard errors down (3.09: 99.9 %),
	// must exceed what is usual by Margin: the effect is large.
	Z, Margin float64
	// The chance of so many failures, if the target were as usual, must be below
	// Chance: luck does not explain it. It is this small because every target is
	// looked at every second over several spans.
	Chance float64
	// Floor is a failed share that is always taken for usual.
	Floor float64
	// Spans are the lengths of the windows that are looked at, in seconds, at least
	// one. Short ones see a fault at once, long ones one of which sidecars' balancers
	// and breakers let only a few requests through.
	Spans []int
	// Settle is how many of the newest seconds are left out for a target that calls
	// others: its callees' rows may come from other sidecars, later than its own.
	Settle int
}

// Default are the rules in force when nobody says otherwise.
func Default() Rules {
	return Rules{
		Requests: 10, Failed: 5, Z: 3.09, Margin: 0.04, Chance: 1e-8, Floor: 0.002,
		Spans: []int{1, 2, 3, 5, 10}, Settle: 1,
	}
}

// Result is what Find sees, sorted by target.
type Result struct {
	Guilty    []mesh.Observation // fail more than usual for no fault but their own
	Explained []mesh.Observation // fail only because what they call fails; no anomaly
}

// Find looks at the newest of the seconds, which are consecutive and oldest first.
// Usual is the failed share that a target is known for.
func Find(seconds []Second, usual func(mesh.Target) float64, r Rules) Result {
	if most := slices.Max(r.Spans) + r.Settle + 1; len(seconds) > most {
		seconds = seconds[len(seconds)-most:] // the rest is no evidence any more
	}
	f := finder{seconds: seconds, usual: usual, rules: r, calls: make(map[mesh.Target]bool), explained: make(map[mesh.Target]bool)}
	targets := make(map[mesh.Target]bool)
	for _, s := range seconds {
		for t := range s.In {
			targets[t] = true
		}
		for t := range s.Out {
			f.calls[t] = true
		}
	}
	var out Result
	for _, t := range slices.SortedFunc(maps.Keys(targets), Compare) { // versions before their instances
		o := f.look(t)
		switch {
		case o.Anomaly == nil:
		case f.explained[versionOf(t)]:
			o.Anomaly = nil
			out.Explained = append(out.Explained, o)
		default:
			out.Guilty = append(out.Guilty, o)
		}
	}
	return out
}

// Compare orders targets by service, version and instance; a version comes before its
// instances.
func Compare(a, b mesh.Target) int {
	return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Instance, b.Instance))
}

type finder struct {
	seconds   []Second
	usual     func(mesh.Target) float64
	rules     Rules
	calls     map[mesh.Target]bool // versions that call others
	explained map[mesh.Target]bool // versions whose failures are their callees'
}

// versionOf is the version that an instance is of; a version is its own.
func versionOf(t mesh.Target) mesh.Target {
	t.Instance = ""
	return t
}

// look returns the strongest evidence against a target, over any of the spans, and
// notes whether the target's callees explain it. No anomaly is no evidence.
func (f *finder) look(t mesh.Target) mesh.Observation {
	version := versionOf(t)
	end := len(f.seconds)
	if f.calls[version] {
		end -= f.rules.Settle
	}
	var best mesh.Observation
	for _, span := range f.rules.Spans {
		start := max(end-span, 0)
		if start >= end {
			continue
		}
		o, ok := f.judge(t, start, end)
		if !ok {
			continue
		}
		if f.calls[version] && f.callees(version, start, o) {
			f.explained[version] = true
		}
		if best.Anomaly == nil || o.Anomaly.Bound > best.Anomaly.Bound {
			best = o
		}
	}
	return best
}

// judge holds the seconds from start to before end against the rules.
func (f *finder) judge(t mesh.Target, start, end int) (mesh.Observation, bool) {
	sum := Sum(f.seconds[start:end], t)
	if sum.Requests < f.rules.Requests || sum.Failed < f.rules.Failed {
		return mesh.Observation{}, false
	}
	usual := f.usual(t)
	expected := max(usual, f.rules.Floor)
	bound := wilsonLower(sum, f.rules.Z)
	if bound <= expected+f.rules.Margin || tail(sum, expected) >= f.rules.Chance {
		return mesh.Observation{}, false
	}
	o := mesh.Observation{
		Target: t, Start: f.seconds[start].Time, End: f.seconds[end-1].Time.Add(time.Second),
		Requests: sum.Requests, Failed: sum.Failed, Baseline: usual,
	}
	o.Anomaly = &mesh.Anomaly{Kind: KindErrorShare, Bound: bound, Detail: detail(o)}
	return o, true
}

func detail(o mesh.Observation) string {
	return fmt.Sprintf("%d of %d requests to %s failed within %s (%s, usually %s)",
		o.Failed, o.Requests, o.Target, o.End.Sub(o.Start), percent(float64(o.Failed)/float64(o.Requests)), percent(o.Baseline))
}

func percent(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") + " %"
}

// callees reports whether what a version calls explains its failures: at least half
// of the requests that it failed beyond the usual came with a call of its own that
// failed. Calls are counted from a second earlier up to the newest one, because the
// two ends of a hop are not reported at the same moment.
func (f *finder) callees(version mesh.Target, start int, o mesh.Observation) bool {
	var out Tally
	for _, s := range f.seconds[max(start-1, 0):] {
		out = out.Plus(s.Out[version])
	}
	excess := func(requests, failed uint64, usual float64) float64 { return float64(failed) - usual*float64(requests) }
	return excess(out.Requests, out.Failed, f.rules.Floor) >= excess(o.Requests, o.Failed, o.Baseline)/2
}
