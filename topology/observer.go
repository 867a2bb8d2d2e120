package topology

import (
	"maps"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/anomaly"
	"github.com/sightline-mesh/sightline/topology/baseline"
)

const (
	keep = 90 // seconds that are remembered

	// blind is the age of the newest row from which on nothing is said any more.
	blind = 5 * time.Second
	// settled is the age at which a second is learned from: every row has come, and
	// an anomaly that it is part of is known.
	settled = 15 * time.Second
	// siblingSpan is how long a sibling is looked at, to know that it is fine.
	siblingSpan = 30 * time.Second
	// watchSpan is how long a target is looked at that is tripped.
	watchSpan = 5 * time.Second
)

// observer remembers the last seconds and says what is to be seen in them. It does
// no I/O and reads no clock.
type observer struct {
	rules   anomaly.Rules
	book    *baseline.Book
	seconds []anomaly.Second // consecutive, oldest first
	odd     map[mesh.Target]signal.Window
	probing map[string]time.Time // by verdict id: the first second that counts
	learned time.Time            // the last second that was learned from
}

func newObserver(r anomaly.Rules, forget time.Duration) *observer {
	return &observer{
		rules: r, book: baseline.New(forget),
		odd: make(map[mesh.Target]signal.Window), probing: make(map[string]time.Time),
	}
}

// put remembers a second, in the place of what was known of it. One that is older
// than all that is remembered is passed over.
func (o *observer) put(s anomaly.Second) {
	if len(o.seconds) == 0 {
		o.seconds = []anomaly.Second{s}
		return
	}
	first := o.seconds[0].Time
	i := int(s.Time.Sub(first) / time.Second)
	if s.Time.Before(first) {
		return
	}
	if i >= len(o.seconds)+keep { // a long gap: nothing of before is of use
		o.seconds = []anomaly.Second{s}
		return
	}
	for len(o.seconds) <= i {
		o.seconds = append(o.seconds, anomaly.Second{Time: first.Add(time.Duration(len(o.seconds)) * time.Second)})
	}
	o.seconds[i] = s
	if over := len(o.seconds) - keep; over > 0 {
		o.seconds = slices.Delete(o.seconds, 0, over)
	}
}

// look says what is to be seen; ok is false when no row is recent enough to tell.
func (o *observer) look(now time.Time, verdicts []mesh.Verdict) (seen []mesh.Observation, ok bool) {
	o.learn(now)
	o.watch(now, verdicts)
	known := o.seconds
	for len(known) > 0 && len(known[len(known)-1].In) == 0 {
		known = known[:len(known)-1]
	}
	if len(known) == 0 || now.Sub(known[len(known)-1].Time) > blind+time.Second {
		return nil, false
	}
	end := known[len(known)-1].Time.Add(time.Second)
	found := anomaly.Find(known, o.book.Usual, o.rules)
	out := make(map[mesh.Target]mesh.Observation)
	for _, v := range verdicts {
		o.verdict(out, v, end)
	}
	for _, list := range [][]mesh.Observation{found.Guilty, found.Explained} {
		for _, a := range list {
			o.mark(a.Target, signal.Window{Start: a.Start, End: a.End})
			if _, watched := out[a.Target]; !watched {
				out[a.Target] = a
			}
		}
	}
	for _, a := range found.Guilty {
		o.siblings(out, a.Target, end)
	}
	for _, a := range found.Explained { // of no interest unless they are somebody's siblings
		if !slices.ContainsFunc(found.Guilty, func(g mesh.Observation) bool { return g.Target.Service == a.Target.Service }) {
			delete(out, a.Target)
		}
	}
	return slices.SortedFunc(maps.Values(out), func(a, b mesh.Observation) int { return anomaly.Compare(a.Target, b.Target) }), true
}

// mark notes that a target was not as usual, so that the time is not learned from.
func (o *observer) mark(t mesh.Target, w signal.Window) {
	if had, ok := o.odd[t]; ok && !w.Start.After(had.End.Add(settled)) {
		w.Start = had.Start
		if had.End.After(w.End) {
			w.End = had.End
		}
	}
	o.odd[t] = w
}

// learn takes settled seconds into the baseline, but for targets that were odd then.
func (o *observer) learn(now time.Time) {
	for _, s := range o.seconds {
		if now.Sub(s.Time) < settled {
			break
		}
		if !s.Time.After(o.learned) {
			continue
		}
		for t, tally := range s.In {
			if w, odd := o.odd[t]; !odd || s.Time.Before(w.Start) || !s.Time.Before(w.End) {
				o.book.Learn(t, s.Time, tally.Requests, tally.Failed)
			}
		}
		o.learned = s.Time
	}
	o.book.Drop(now)
	maps.DeleteFunc(o.odd, func(_ mesh.Target, w signal.Window) bool { return now.Sub(w.End) > keep*time.Second })
}

// watch notes since when verdicts probe, and that their targets are not as usual.
func (o *observer) watch(now time.Time, verdicts []mesh.Verdict) {
	since := make(map[string]time.Time)
	for _, v := range verdicts {
		for _, t := range o.matching(v.Target) {
			o.mark(t, signal.Window{Start: now.Truncate(time.Second), End: now.Add(time.Second)})
		}
		if v.Phase != mesh.Probing {
			continue
		}
		since[v.ID] = now.Truncate(time.Second).Add(time.Second) // a whole second, so that none is counted twice
		if had, ok := o.probing[v.ID]; ok {
			since[v.ID] = had
		}
	}
	o.probing = since
}

// verdict adds what a target with a verdict does.
func (o *observer) verdict(out map[mesh.Target]mesh.Observation, v mesh.Verdict, end time.Time) {
	from := end.Add(-watchSpan)
	if v.Phase == mesh.Probing {
		from = o.probing[v.ID]
	}
	for _, t := range o.matching(v.Target) {
		if seen := o.sum(t, from, end); seen.Requests > 0 {
			seen.Target = v.Target
			out[v.Target] = seen
		}
	}
}

// matching are the targets of the tallies that a verdict's target means: a person
// may have named an instance without its version.
func (o *observer) matching(t mesh.Target) []mesh.Target {
	if t.Instance == "" || t.Version != "" {
		return []mesh.Target{t}
	}
	for _, s := range slices.Backward(o.seconds) {
		for known := range s.In {
			if known.Service == t.Service && known.Instance == t.Instance {
				return []mesh.Target{known}
			}
		}
	}
	return nil
}

// siblings adds what is known of the other versions of a service, and of the other
// instances of a version, so that whoever decides can tell that they are fine.
func (o *observer) siblings(out map[mesh.Target]mesh.Observation, t mesh.Target, end time.Time) {
	from := end.Add(-siblingSpan)
	for _, s := range o.seconds {
		if s.Time.Before(from) {
			continue
		}
		for other := range s.In {
			version := other.Service == t.Service && other.Instance == ""
			instance := other.Service == t.Service && other.Version == t.Version
			if _, done := out[other]; !done && (version || instance) {
				out[other] = o.sum(other, from, end)
			}
		}
	}
}

// sum is an observation without a judgement.
func (o *observer) sum(t mesh.Target, from, end time.Time) mesh.Observation {
	out := mesh.Observation{Target: t, Start: from, End: end, Baseline: o.book.Usual(t)}
	for _, s := range o.seconds {
		if !s.Time.Before(from) && s.Time.Before(end) {
			in := s.In[t]
			out.Requests += in.Requests
			out.Failed += in.Failed
		}
	}
	return out
}
