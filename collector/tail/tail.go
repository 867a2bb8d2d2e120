package tail

import (
	"iter"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/collector/sampling"
)

// TraceID is as OTLP has it.
type TraceID = [16]byte

// Span is what there is to know of one.
type Span struct {
	Trace TraceID
	State string // its tracestate
	// Route names what it served, of its service; 0 where it does not begin anything that
	// could have a percentile.
	Route           uint64
	Root            bool  // it has no parent
	Start, Duration int64 // ns
	Failed, Marked  bool
}

// Tail remembers traces. It is safe for concurrent use. Load it first, and Close it at the
// end.
type Tail struct {
	cfg     Config
	journal *journal

	mu      sync.Mutex
	traces  *memory
	routes  routes
	rate    rate
	judged  int64 // Unix seconds: the latest arrival that was judged
	pending []byte
	stats   Stats
}

// Stats counts what became of traces and evidence since the process began.
type Stats struct {
	Traces    int     // that are remembered
	Failed    uint64  // traces that are kept for an error
	Slow      uint64  // that are kept as slower than their route's p99
	Marked    uint64  // that are kept because somebody marked them
	Early     uint64  // forgotten before they were judged, for want of room
	Share     float64 // of ordinary ones, latest
	Unwritten uint64  // writes of evidence that failed: a kill could cost it
}

// New is a Tail that knows nothing yet. It touches no file.
func New(c Config) (*Tail, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	return &Tail{cfg: c, traces: newMemory(), routes: newRoutes(), rate: newRate(c.Budget)}, nil
}

// Load takes up what an earlier process remembered. It comes before all else.
func (t *Tail) Load() error {
	if t.cfg.Dir == "" {
		return nil
	}
	var err error
	t.journal, err = openJournal(t.cfg.Dir, t.recall)
	return err
}

// Close ends the files.
func (t *Tail) Close() error {
	if t.journal == nil {
		return nil
	}
	return t.journal.close()
}

// Note is told of spans that arrived, before they may be judged.
func (t *Tail) Note(spans iter.Seq[Span], at time.Time) {
	t.mu.Lock()
	second := at.Unix()
	for span := range spans {
		t.note(&span, second)
	}
	pending := t.pending
	t.pending = nil
	oldest := t.judged - int64(t.cfg.Remember/time.Second)
	t.mu.Unlock()
	if t.journal != nil && len(pending) > 0 {
		if err := t.journal.append(pending, second, oldest); err != nil {
			t.mu.Lock()
			t.stats.Unwritten++
			t.mu.Unlock()
		}
	}
}

// Verdict is what becomes of a span.
type Verdict struct {
	Keep bool
	// Threshold is what the trace's state is to say where it is kept as one of a share; 0
	// leaves it as it is.
	Threshold sampling.Threshold
}

// Judge decides about a span of a trace, which was noted.
func (t *Tail) Judge(trace TraceID, state string) Verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, known := t.traces.find(trace)
	var threshold sampling.Threshold
	if known {
		e := &t.traces.all[at]
		t.judged = max(t.judged, e.seen)
		e.evidence |= judged
		if e.evidence.worth() {
			e.evidence |= kept
			return Verdict{Keep: true}
		}
		threshold = t.share(e.seen)
	} else {
		threshold = t.rate.latest
	}
	said := sampling.Read(state, trace)
	v := Verdict{Keep: threshold.Keeps(said.Randomness)}
	if v.Keep && threshold > said.Threshold {
		v.Threshold = threshold
	}
	if known && !v.Keep {
		t.traces.all[at].evidence |= out
	}
	return v
}

// LeftOut reports whether a trace is known to have been left out, and which share was kept
// of those of its time.
func (t *Tail) LeftOut(trace TraceID) (share float64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, known := t.traces.find(trace)
	if !known || t.traces.all[at].evidence&out == 0 {
		return 0, false
	}
	threshold, _ := t.rate.of(t.traces.all[at].seen)
	return threshold.Share(), true
}

// Stats is what is counted.
func (t *Tail) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Traces, s.Share = t.traces.len(), t.rate.latest.Share()
	return s
}
