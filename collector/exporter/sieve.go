package exporter

import (
	"hash/maphash"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/sampling"
	"github.com/sightline-mesh/sightline/collector/tail"
)

// Sieve leaves out what a tail.Tail decides against, of the spans that wait to be stored
// (see queue.Sieve). A span that is kept as one of a share says so in its trace state.
type Sieve struct {
	tail *tail.Tail
	seed maphash.Seed
}

// NewSieve is a sieve that t decides for.
func NewSieve(t *tail.Tail) *Sieve { return &Sieve{t, maphash.MakeSeed()} }

// Note tells what there is to know of spans that arrived.
func (s *Sieve) Note(td ptrace.Traces, at time.Time) { s.tail.Note(s.spans(td), at) }

// Sift leaves out what is not worth storing.
func (s *Sieve) Sift(td ptrace.Traces) (kept ptrace.Traces, about []byte) {
	var n note
	sift(td, func(span ptrace.Span) tail.Verdict {
		v := tail.Verdict{Keep: true} // of a span without a trace it is said elsewhere that it cannot be stored
		if !span.TraceID().IsEmpty() {
			v = s.tail.Judge(span.TraceID(), span.TraceState().AsRaw())
		}
		n.add(v)
		return v
	})
	return td, n.bytes()
}

// Resift leaves out what Sift did in an earlier process.
func (*Sieve) Resift(td ptrace.Traces, about []byte) ptrace.Traces {
	next := noted(about)
	sift(td, func(ptrace.Span) tail.Verdict { return next() })
	return td
}

// sift asks about each span in turn.
func sift(td ptrace.Traces, judge func(ptrace.Span) tail.Verdict) {
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(span ptrace.Span) bool {
				v := judge(span)
				if v.Threshold != 0 {
					state := span.TraceState()
					state.FromRaw(sampling.With(state.AsRaw(), v.Threshold))
				}
				return !v.Keep
			})
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
}
