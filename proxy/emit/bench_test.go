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
		if i%4096 == 0 {
			e.records.reset()
		}
		e.Emit(records[i%len(records)])
	}
}

// BenchmarkEmitParallel is the same with every processor at it.
func BenchmarkEmitParallel(b *testing.B) {
	b.ReportAllocs()
	records := requests(1024)
	e := New(testConfig(), Deps{})
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if i%2048 == 0 {
				e.mu.Lock()
				e.records.reset()
				e.mu.Unlock()
			}
			e.Emit(records[i%len(records)])
		}
	})
}

// BenchmarkEncode is what a span, an access-log row and the RED rows cost after the
// request, per record.
func BenchmarkEncode(b *testing.B) {
	for _, compress := range []string{"plain", "snappy"} {
		b.Run(compress, func(b *testing.B) {
			b.ReportAllocs()
			e := New(testConfig(), Deps{})
			const n = 1024
			for _, r := range requests(n) {
				e.Emit(r)
			}
			until := e.red.start.Add(time.Second)
			var plain, packed int
			pack := func(body []byte) {
				e.scratch = body
				plain += len(body)
				if compress == "snappy" {
					e.packed = s2.EncodeSnappy(e.packed[:cap(e.packed)], body)
					packed += len(e.packed)
				}
			}
			for b.Loop() {
				body, _ := e.encoder.traces(e.scratch[:0], e.records, e.records.rows)
				pack(body)
				pack(e.encoder.logs(e.scratch[:0], e.records, e.records.rows))
				body, _ = e.encoder.metrics(e.scratch[:0], e.red, until)
				pack(body)
			}
			per := float64(b.N) * n
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/per, "ns/record")
			b.ReportMetric(float64(plain)/per, "B/record")
			b.ReportMetric(float64(packed)/per, "packedB/record")
		})
	}
}
