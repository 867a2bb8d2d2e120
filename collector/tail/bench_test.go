package tail

import (
	"iter"
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkSpan is what a span costs: told of with a thousand others, and judged.
func BenchmarkSpan(b *testing.B) {
	const size, each = 1000, 10 // spans of a request, and of a trace
	tail := open(b, Config{Budget: 100})
	r := rand.New(rand.NewPCG(1, 2))
	traces := make([]TraceID, size/each)
	at := time.Unix(1_000_000, 0)
	var spans iter.Seq[Span] = func(yield func(Span) bool) {
		for n := range size {
			span := Span{Trace: traces[n%len(traces)], Start: int64(n) + 1, Duration: 1e6 + int64(n), Failed: n == 5}
			if n%2 == 0 {
				span.Route, span.Root = uint64(n%50)+1, n < len(traces)
			}
			if !yield(span) {
				return
			}
		}
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		for i := range traces {
			traces[i] = id(r.Uint64(), r.Uint64())
		}
		if n%10 == 0 {
			at = at.Add(time.Second)
		}
		tail.Note(spans, at)
		for span := range spans {
			tail.Judge(span.Trace, span.State)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/span")
}
