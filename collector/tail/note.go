package tail

import (
	"time"

	"github.com/sightline-mesh/sightline/collector/sampling"
)

// recall takes up one record of an earlier process.
func (t *Tail) recall(r record) {
	switch r.kind {
	case recordStep:
		t.rate.set(int64(r.second), sampling.Threshold(r.threshold()))
	case recordTrace:
		// It stays worth it: what told so may have left the queue.
		if at, known := t.traces.find(r.trace); !known {
			t.room()
			t.traces.add(r.trace, int64(r.second), r.evidence|kept)
		} else {
			t.traces.change(at, t.traces.all[at].evidence|r.evidence|kept)
		}
	}
}

func (t *Tail) note(span *Span, second int64) {
	at, known := t.traces.find(span.Trace)
	if !known {
		t.room()
		at = t.traces.add(span.Trace, second, 0)
		t.traces.all[at].weight = float32(sampling.Read(span.State, span.Trace).Threshold.Weight())
		t.rate.count(second, float64(t.traces.all[at].weight))
	}
	e := &t.traces.all[at]
	is := e.evidence
	if span.Failed {
		is |= failed
	}
	if span.Marked {
		is |= marked
	}
	if span.Route != 0 {
		var late evidence
		if t.routes.observe(span.Route, span.Duration, second) {
			late = slow
		}
		is = e.timed(span, late, is)
	}
	if is != e.evidence {
		t.learn(at, is)
	}
}

// begins reports whether a span is more likely to be the trace's first request than the one
// that was taken for it.
func (e *entry) begins(span *Span) bool {
	if rootKnown := e.evidence&rooted != 0; rootKnown != span.Root {
		return span.Root
	}
	return e.start == 0 || span.Start < e.start
}

// timed is what is known of a trace by how long a request of it took: late is slow, or
// nothing.
func (e *entry) timed(span *Span, late, known evidence) evidence {
	if !e.begins(span) {
		return known
	}
	e.start = span.Start
	known &^= slow
	if span.Root {
		known |= rooted
	}
	return known | late
}

// learn changes what is known of a trace.
func (t *Tail) learn(at int32, evidence evidence) {
	e := &t.traces.all[at]
	was, is := e.evidence.worth(), evidence.worth()
	if was != is {
		weight := float64(e.weight)
		if is {
			weight = -weight
		}
		t.rate.count(e.seen, weight)
	}
	t.count(e.evidence, evidence)
	t.traces.change(at, evidence)
	if is && t.journal != nil {
		t.pending = appendTrace(t.pending, e.trace, e.seen, evidence)
	}
}

func (t *Tail) count(was, is evidence) {
	fresh := is &^ was
	t.stats.Failed += uint64(fresh & failed / failed)
	t.stats.Slow += uint64(fresh & slow / slow)
	t.stats.Marked += uint64(fresh & marked / marked)
}

// room forgets what is old, and what does not fit.
func (t *Tail) room() {
	m := t.traces
	for range 2 { // more than come, so that it ends
		for of := range m.lists {
			if at := m.lists[of].first; at != none && m.all[at].seen < t.judged-int64(t.cfg.Remember/time.Second) {
				m.remove(at)
			}
		}
	}
	for m.len() >= t.cfg.Traces {
		at := m.lists[ordinary].first
		if at == none {
			at = m.lists[worthy].first
		}
		if m.all[at].evidence&judged == 0 {
			t.stats.Early++
		}
		m.remove(at)
	}
}

// share is the threshold of the ordinary traces that were first seen in a second.
func (t *Tail) share(second int64) sampling.Threshold {
	threshold, fresh := t.rate.of(second)
	if fresh && t.journal != nil {
		t.pending = appendStep(t.pending, second, threshold) // written with what is noted next
	}
	return threshold
}
