package emit

import (
	"fmt"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
)

// requests are records as different from each other as those of a busy sidecar.
func requests(n int) []*Record {
	out := make([]*Record, n)
	for i := range out {
		r := request()
		r.Trace = NewTrace()
		r.ParentID = NewSpanID()
		r.RequestID = NewTrace().ID.String()
		r.Path = fmt.Sprintf("/reviews/%d?page=%d", i*7919%1000, i%10)
		r.Took = time.Duration(1+i%97) * time.Millisecond / 3
		r.Peer.Instance = fmt.Sprintf("reviews-v2-%d", i%4)
		out[i] = r
	}
	return out
}

// BenchmarkEmit is what a request's goroutine pays.
func BenchmarkEmit(b *testing.B) {
	b.ReportAllocs()
	records := requests(1024)
	e := New(testConfig(), Deps{})
	for i := 0; b.Loop(); i++ {
		e.Emit(records[i%len(records)])
		forget(e)
	}
}

// BenchmarkEmitParallel is the same with every processor at it.
func BenchmarkEmitParallel(b *testing.B) {
	b.ReportAllocs()
	records := requests(1024)
	e := New(testConfig(), Deps{})
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			e.Emit(records[i%len(records)])
			forget(e)
		}
	})
}

// forget gives full chunks back unseen.
func forget(e *Emitter) {
	select {
	case <-e.ring.sealed:
		for c := e.ring.take(); c != nil; c = e.ring.take() {
			e.ring.giveBack(c)
		}
	default:
	}
}

// BenchmarkEncode is what a span, an access-log row and the RED rows cost after the
// request, per record.
func BenchmarkEncode(b *testing.B) {
	for _, compress := range []string{"plain", "snappy"} {
		b.Run(compress, func(b *testing.B) {
			b.ReportAllocs()
			e := New(testConfig(), Deps{})
			records := requests(1024)
			for _, r := range records {
				e.Emit(r)
			}
			var plain, packed int
			pack := func(body []byte) {
				plain += len(body)
				if compress == "snappy" {
					e.packed = s2.EncodeSnappy(e.packed[:cap(e.packed)], body)
					packed += len(e.packed)
				}
			}
			for b.Loop() {
				for _, c := range e.ring.full {
					e.scratch = e.encoder.chunk(encoded{spans: e.scratch.spans[:0], logs: e.scratch.logs[:0]}, c, e.red)
					pack(e.scratch.spans)
					pack(e.scratch.logs)
				}
				body, _ := e.encoder.metrics(e.scratch.logs[:0], e.red.rows, interval{})
				pack(body)
			}
			per := float64(b.N) * float64(len(records))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/per, "ns/record")
			b.ReportMetric(float64(plain)/per, "B/record")
			b.ReportMetric(float64(packed)/per, "packedB/record")
		})
	}
}
