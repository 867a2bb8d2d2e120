package remedy

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// author is who remedy's own verdicts are by.
const author = "remedy"

// episode is how long a target must look as usual before its next anomaly is news.
const episode = 10 * time.Second

// forgotten is how long nothing is seen of a target until it is as if nothing ever was.
const forgotten = time.Minute

// State is what remedy remembers between decisions. The zero value remembers
// nothing. A State is never changed once Decide has returned it.
type State struct {
	courses  map[string]course // verdicts in force, by id
	memories map[mesh.Target]memory
}

// course is a verdict on its way.
type course struct {
	verdict  mesh.Verdict
	entered  time.Time // its present phase
	stepped  time.Time // the present share of probing
	step     int       // index of that share
	failures int       // failed probes in a row
}

// memory is what was seen of a target lately.
type memory struct {
	odd   uint64    // one bit for each look, the newest lowest: an anomaly was seen
	last  time.Time // of the newest anomaly
	told  bool      // the present episode was put on the timeline
	until time.Time // not to be tripped before
	fresh time.Time // requests of before are no evidence: it was released since
}

// Resume is the state of a remedy that finds these verdicts in force.
func Resume(verdicts []mesh.Verdict, now time.Time) State {
	s := State{courses: make(map[string]course), memories: make(map[mesh.Target]memory)}
	for _, v := range verdicts {
		if v.Phase != mesh.Released {
			s.courses[v.ID] = course{verdict: v, entered: now, stepped: now}
		}
	}
	return s
}

// Verdicts are those in force, sorted by id.
func (s State) Verdicts() []mesh.Verdict {
	out := make([]mesh.Verdict, 0, len(s.courses))
	for _, id := range slices.Sorted(maps.Keys(s.courses)) {
		out = append(out, s.courses[id].verdict)
	}
	return out
}

// adopt is s with these verdicts in force and no others. One that is gone was released by
// a person elsewhere: its target is left alone for the cooldown.
func (s State) adopt(verdicts []mesh.Verdict, now time.Time, cooldown time.Duration) State {
	next := Resume(verdicts, now)
	maps.Copy(next.memories, s.memories)
	for id, known := range s.courses {
		c, there := next.courses[id]
		if !there {
			m := next.memories[known.verdict.Target]
			m.until, m.fresh = now.Add(cooldown), now.Truncate(time.Second)
			next.memories[known.verdict.Target] = m
			continue
		}
		if c.verdict.Phase == known.verdict.Phase && c.verdict.Held == known.verdict.Held {
			known.verdict = c.verdict
			next.courses[id] = known
		}
	}
	return next
}

func (s State) clone() State {
	return State{courses: maps.Clone(s.courses), memories: maps.Clone(s.memories)}
}

// Input is what a decision is made from.
type Input struct {
	Now time.Time
	// Looked says that Seen is what a look has found, even if that is nothing. Without
	// a look only time has passed.
	Looked bool
	Seen   []mesh.Observation
	// Instances are those of the registry. Nothing is tripped of a service that has none.
	Instances []mesh.Instance
	// Snapshots are what sidecars are sent, by service: nothing is tripped that would
	// leave one of their routes without an instance. Without them routes are not looked at.
	Snapshots map[mesh.ServiceName]mesh.Snapshot
}

// Outcome is what a decision changes: verdicts that are new or different, released
// ones among them, and what is to be told of it. Events have no id yet.
type Outcome struct {
	Verdicts []mesh.Verdict
	Events   []mesh.Event
}

// Decide moves verdicts along and makes new ones. It is pure: the state it was given
// stays as it was.
func Decide(c Config, s State, in Input) (State, Outcome) {
	d := decision{config: c, State: s.clone(), in: in, seen: make(map[mesh.Target]mesh.Observation, len(in.Seen))}
	if d.courses == nil {
		d.State = Resume(nil, in.Now)
	}
	for _, o := range in.Seen {
		d.seen[o.Target] = o
	}
	for _, id := range slices.Sorted(maps.Keys(d.courses)) {
		d.advance(d.courses[id])
	}
	if in.Looked {
		d.remember()
		d.judge()
	}
	return d.State, d.out
}

// decision is one run of Decide.
type decision struct {
	State

	config Config
	in     Input
	seen   map[mesh.Target]mesh.Observation
	out    Outcome
}

// put records a verdict that is new or has changed.
func (d *decision) put(c course) {
	if c.verdict.Phase == mesh.Released {
		delete(d.courses, c.verdict.ID)
	} else {
		c.verdict.Until = d.in.Now.Add(d.config.Lease)
		d.courses[c.verdict.ID] = c
	}
	d.out.Verdicts = append(d.out.Verdicts, c.verdict)
}

// remember notes what this look has seen of each target.
func (d *decision) remember() {
	for _, o := range d.in.Seen {
		if _, known := d.memories[o.Target]; !known && o.Anomaly != nil {
			d.memories[o.Target] = memory{}
		}
	}
	for t, m := range d.memories {
		m.odd <<= 1
		if o, ok := d.seen[t]; ok && d.evident(o) && !o.Start.Before(m.fresh) {
			m.odd |= 1
			m.last = d.in.Now
		}
		if d.in.Now.Sub(m.last) > episode {
			m.told = false
		}
		d.memories[t] = m
	}
	maps.DeleteFunc(d.memories, func(_ mesh.Target, m memory) bool { return m.idle(d.in.Now) })
}

// idle reports whether there is nothing left to remember.
func (m memory) idle(now time.Time) bool {
	quiet := now.Add(-forgotten)
	return !m.told && now.After(m.until) && m.last.Before(quiet) && m.fresh.Before(quiet)
}

// evident reports whether an observation is an anomaly with enough volume.
func (d *decision) evident(o mesh.Observation) bool {
	return o.Anomaly != nil && o.Requests >= d.config.MinRequests && o.Failed >= d.config.MinFailed
}

// confirmed reports whether enough of the last looks have seen the anomaly, this
// one among them.
func (d *decision) confirmed(t mesh.Target) bool {
	m := d.memories[t]
	recent := m.odd & (1<<d.config.Windows - 1)
	return m.odd&1 == 1 && bits.OnesCount64(recent) >= d.config.Needed
}

func compare(a, b mesh.Target) int {
	return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Instance, b.Instance))
}
