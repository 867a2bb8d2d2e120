package remedy

import (
	"fmt"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// judge makes verdicts of confirmed anomalies, as far as the guards let it.
func (d *decision) judge() {
	seen := slices.SortedFunc(slices.Values(d.in.Seen), func(a, b mesh.Observation) int { return compare(a.Target, b.Target) })
	for _, o := range seen {
		if !d.confirmed(o.Target) || d.covered(o.Target) || d.config.mode(o.Target.Service) == Off {
			continue
		}
		if d.instancesSay(o.Target) {
			continue // the instances' own observations come next
		}
		d.consider(o)
	}
}

// consider trips a target or tells why not.
func (d *decision) consider(o mesh.Observation) {
	m := d.memories[o.Target]
	if d.in.Now.Before(m.until) {
		return
	}
	sibling, why := d.sibling(o.Target)
	if why == "" {
		why = d.guard(o.Target)
	}
	if why == "" && d.config.mode(o.Target.Service) == Observe {
		why = "it would be tripped, but the mode is to observe"
	}
	if !m.told {
		m.told = true
		d.memories[o.Target] = m
		d.anomaly(o, why)
	}
	if why == "" {
		d.trip(o, sibling)
	}
}

// covered reports whether a verdict is already in force on the target, or on what
// it is part of.
func (d *decision) covered(t mesh.Target) bool {
	for _, c := range d.courses {
		if covers(c.verdict.Target, t) {
			return true
		}
	}
	return false
}

// covers reports whether t is of the kind that whole names.
func covers(whole, t mesh.Target) bool {
	return whole.Service == t.Service &&
		(whole.Version == "" || whole.Version == t.Version) &&
		(whole.Instance == "" || whole.Instance == t.Instance)
}

// instancesSay reports whether a version's failures are better told by its
// instances: one is seen to fail while another is fine. It also holds for an
// instance that is the only one of its version: the version is what to trip.
func (d *decision) instancesSay(t mesh.Target) bool {
	if t.Instance != "" {
		return len(d.ready(mesh.Target{Service: t.Service, Version: t.Version})) == 1
	}
	bad, fine := false, false
	for _, o := range d.seen {
		if o.Target.Instance != "" && covers(t, o.Target) {
			bad = bad || d.evident(o)
			fine = fine || d.fine(o)
		}
	}
	return bad && fine
}

// sibling is one that is known to be fine and can take the target's traffic, or
// why there is none.
func (d *decision) sibling(t mesh.Target) (mesh.Observation, string) {
	for _, o := range slices.SortedFunc(slices.Values(d.in.Seen), func(a, b mesh.Observation) int { return compare(a.Target, b.Target) }) {
		alike := o.Target.Service == t.Service && o.Target != t && (o.Target.Instance == "") == (t.Instance == "") &&
			(t.Instance == "" || o.Target.Version == t.Version)
		if alike && d.fine(o) && len(d.ready(o.Target)) > 0 {
			return o, ""
		}
	}
	if t.Instance != "" {
		return mesh.Observation{}, "no other instance of its version is known to be fine"
	}
	return mesh.Observation{}, "no other version is known to be fine"
}

// fine reports whether an observation shows a target that works: enough requests,
// hardly any failed, and no verdict in force.
func (d *decision) fine(o mesh.Observation) bool {
	return o.Anomaly == nil && o.Requests >= d.config.MinRequests/2 && !d.covered(o.Target) &&
		float64(o.Failed) <= d.config.FineShare*float64(o.Requests)
}

// guard says why a target may not be tripped although it deserves it; "" if it may.
func (d *decision) guard(t mesh.Target) string {
	own := 0
	for _, c := range d.courses {
		if c.verdict.By == author {
			own++
		}
	}
	if own >= d.config.MaxVerdicts {
		return fmt.Sprintf("%d verdicts are in force already, and at most %d may be", own, d.config.MaxVerdicts)
	}
	if route := d.stranded(t); route != "" {
		return route
	}
	all, out := d.ready(mesh.Target{Service: t.Service}), 0
	for _, i := range all {
		at := mesh.Target{Service: i.Service, Version: i.Version, Instance: i.ID}
		if covers(t, at) || d.covered(at) {
			out++
		}
	}
	if float64(out) > d.config.Capacity*float64(len(all)) {
		return fmt.Sprintf("%d of %d instances of %s would get no traffic, and at most %s may", out, len(all), t.Service, percent(d.config.Capacity))
	}
	return ""
}

// ready are the instances of a target that can receive traffic.
func (d *decision) ready(t mesh.Target) []mesh.Instance {
	var out []mesh.Instance
	for _, i := range d.in.Instances {
		if i.State == mesh.Ready && covers(t, mesh.Target{Service: i.Service, Version: i.Version, Instance: i.ID}) {
			out = append(out, i)
		}
	}
	return out
}

// trip makes a verdict.
func (d *decision) trip(o, sibling mesh.Observation) {
	now := d.in.Now
	v := mesh.Verdict{
		ID: d.newID(), Target: o.Target, Phase: mesh.Tripped, By: author, Since: now, Traces: o.Anomaly.Traces,
		Reason: fmt.Sprintf("%s; %s is fine (%d of %d failed)", o.Anomaly.Detail, sibling.Target, sibling.Failed, sibling.Requests),
	}
	d.put(course{verdict: v, entered: now})
	evidence := figures(o)
	evidence["sibling"] = fmt.Sprintf("%s: %d of %d failed", sibling.Target, sibling.Failed, sibling.Requests)
	d.tell(mesh.EventTripped, v, sentence(o.Target, "is tripped: %s", v.Reason), evidence)
}

// newID is an id that sorts by time and is not in use.
func (d *decision) newID() string {
	for at := d.in.Now.UnixMicro(); ; at++ {
		id := fmt.Sprintf("v-%013x", at)
		if _, taken := d.courses[id]; !taken {
			return id
		}
	}
}
