package exporter

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/sampling"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/tail"
)

func sieve(t testing.TB, budget float64) *Sieve {
	t.Helper()
	decide, err := tail.New(tail.Config{Budget: budget})
	if err != nil {
		t.Fatal(err)
	}
	return NewSieve(decide)
}

// someTraces are traces of two spans, of one in ten of which the second failed.
func someTraces(n int) ptrace.Traces {
	r := rand.New(rand.NewPCG(1, 2))
	td := ptrace.NewTraces()
	ids := make([]pcommon.TraceID, n)
	for i := range ids {
		binary.BigEndian.PutUint64(ids[i][:8], r.Uint64())
		binary.BigEndian.PutUint64(ids[i][8:], r.Uint64())
	}
	for _, service := range []string{"web", "cart"} {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr(signal.KeyService, service)
		spans := rs.ScopeSpans().AppendEmpty().Spans()
		for i, id := range ids {
			span := spans.AppendEmpty()
			span.SetTraceID(id)
			span.SetSpanID(pcommon.SpanID{1, service[0]})
			span.SetKind(ptrace.SpanKindServer)
			if service == "cart" && i%10 == 0 {
				span.Status().SetCode(ptrace.StatusCodeError)
			}
		}
	}
	return td
}

func encoded(t *testing.T, td ptrace.Traces) []byte {
	t.Helper()
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func copied(td ptrace.Traces) ptrace.Traces {
	out := ptrace.NewTraces()
	td.CopyTo(out)
	return out
}

func TestSieve(t *testing.T) {
	s := sieve(t, 100)
	td := someTraces(1000)
	s.Note(td, time.Unix(1_000_000, 0))
	kept, about := s.Sift(copied(td))
	errors, spans, weight := 0, map[pcommon.TraceID]int{}, 0.0
	for _, rs := range kept.ResourceSpans().All() {
		for _, span := range rs.ScopeSpans().At(0).Spans().All() {
			spans[span.TraceID()]++
			weight += sampling.Read(span.TraceState().AsRaw(), span.TraceID()).Threshold.Weight()
			if span.Status().Code() == ptrace.StatusCodeError {
				errors++
			}
		}
	}
	if errors != 100 {
		t.Errorf("%d errors are kept of 100", errors)
	}
	if n := len(spans); n < 170 || n > 230 {
		t.Errorf("%d traces are kept, want 100 with errors and about as many others", n)
	}
	for id, n := range spans {
		if n != 2 {
			t.Errorf("%d spans of trace %v, want both", n, id)
		}
	}
	if weight < 1500 || weight > 2500 {
		t.Errorf("what is kept stands for %v spans, want about 2000", weight)
	}
	if len(about) > 2000 {
		t.Errorf("a note of %d bytes about 2000 spans", len(about))
	}
	again := sieve(t, 1).Resift(copied(td), about) // which would decide otherwise
	if diff := cmp.Diff(encoded(t, kept), encoded(t, again)); diff != "" {
		t.Error("another process left out other spans")
	}
}

func TestSieveOfNothingOrdinary(t *testing.T) {
	s := sieve(t, 100)
	td := fiveSpans(1, recently(), 503)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty().SetName("without a trace")
	s.Note(td, time.Now())
	kept, about := s.Sift(copied(td))
	if len(about) > 0 || kept.SpanCount() != td.SpanCount() {
		t.Errorf("%d spans of %d, note %x; want all, and nothing to say", kept.SpanCount(), td.SpanCount(), about)
	}
}

func TestEvidence(t *testing.T) {
	s := sieve(t, 1)
	type attributes map[string]any
	for name, tt := range map[string]struct {
		kind           ptrace.SpanKind
		mesh           bool
		flags          uint32
		attributes     attributes
		failed, marked bool
	}{
		"an app's":                     {ptrace.SpanKindServer, false, 0, attributes{"http.response.status_code": 200}, false, false},
		"its error":                    {ptrace.SpanKindServer, false, 0, attributes{"http.response.status_code": 503}, true, false},
		"its error, older":             {ptrace.SpanKindClient, false, 0, attributes{"http.status_code": "500"}, true, false},
		"its caller's fault":           {ptrace.SpanKindServer, false, 0, attributes{"http.response.status_code": 404}, false, false},
		"a call":                       {ptrace.SpanKindServer, false, 0, attributes{"rpc.grpc.status_code": 0}, false, false},
		"a call that failed":           {ptrace.SpanKindServer, false, 0, attributes{"rpc.grpc.status_code": 14}, true, false},
		"a call for nothing":           {ptrace.SpanKindServer, false, 0, attributes{"rpc.grpc.status_code": 5}, false, false},
		"a hop":                        {ptrace.SpanKindClient, true, 1, attributes{"http.response.status_code": 200}, false, false},
		"a hop without an answer":      {ptrace.SpanKindClient, true, 1, attributes{signal.KeyFlags: "UF"}, true, false},
		"a stream":                     {ptrace.SpanKindClient, true, 1, attributes{signal.KeyProtocol: signal.TCP}, false, false},
		"a hop of a trace not sampled": {ptrace.SpanKindClient, true, 0, attributes{"http.response.status_code": 200}, false, true},
		"priority":                     {ptrace.SpanKindInternal, false, 0, attributes{keyPriority: 1}, false, true},
		"priority as a double":         {ptrace.SpanKindInternal, false, 0, attributes{keyPriority: 1.0}, false, true},
		"no priority":                  {ptrace.SpanKindInternal, false, 0, attributes{keyPriority: 0}, false, false},
		"to be kept":                   {ptrace.SpanKindInternal, false, 0, attributes{keyKeep: true}, false, true},
		"to be kept, in words":         {ptrace.SpanKindInternal, false, 0, attributes{keyKeep: "true"}, false, true},
		"not to be kept":               {ptrace.SpanKindInternal, false, 0, attributes{keyKeep: false}, false, false},
	} {
		span := ptrace.NewSpan()
		span.SetKind(tt.kind)
		span.SetFlags(tt.flags)
		if err := span.Attributes().FromRaw(tt.attributes); err != nil {
			t.Fatal(err)
		}
		got := s.evidence(span, 1, tt.mesh)
		if got.Failed != tt.failed || got.Marked != tt.marked {
			t.Errorf("%s: failed %v, marked %v; want %v, %v", name, got.Failed, got.Marked, tt.failed, tt.marked)
		}
	}
}

func TestRoutesAreApart(t *testing.T) {
	s := sieve(t, 1)
	seen := map[uint64]string{}
	for service := range uint64(3) {
		for _, route := range []string{"", "/a", "/b"} {
			for _, peer := range []string{"", "x"} {
				span := ptrace.NewSpan()
				span.SetParentSpanID(pcommon.SpanID{1})
				span.SetName("GET")
				span.Attributes().PutStr("http.route", route)
				span.Attributes().PutStr(signal.KeyPeer, peer)
				if got := s.evidence(span, service, false).Route; got != 0 {
					t.Errorf("an internal span has route %d", got)
				}
				span.SetKind(ptrace.SpanKindServer)
				name := fmt.Sprint(service, route, peer)
				got := s.evidence(span, service, false).Route
				if other, twice := seen[got]; twice || got == 0 {
					t.Errorf("route %d of %s, and of %s", got, name, other)
				}
				seen[got] = name
			}
		}
	}
}

func FuzzNote(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 8, 2, 5, 0, 3})
	td := someTraces(10)
	f.Fuzz(func(t *testing.T, about []byte) {
		if got := (&Sieve{}).Resift(copied(td), about).SpanCount(); got > 20 {
			t.Errorf("%d spans of 20", got)
		}
	})
}

// BenchmarkSieve is what a span costs, of hops that sidecars tell of.
func BenchmarkSieve(b *testing.B) {
	s := sieve(b, 100)
	r := rand.New(rand.NewPCG(1, 2))
	const size, each = 1000, 4
	td := ptrace.NewTraces()
	for range size / each {
		hops := fiveSpans(1, recently(), 200)
		for i, rs := range hops.ResourceSpans().All() {
			switch {
			case i == each: // an app's
			case td.ResourceSpans().Len() < each:
				rs.CopyTo(td.ResourceSpans().AppendEmpty())
			default:
				rs.ScopeSpans().At(0).Spans().MoveAndAppendTo(td.ResourceSpans().At(i).ScopeSpans().At(0).Spans())
			}
		}
	}
	at := time.Unix(1_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		batch := copied(td)
		for n := range size / each {
			var id pcommon.TraceID
			binary.BigEndian.PutUint64(id[8:], r.Uint64())
			for i := range each {
				batch.ResourceSpans().At(i).ScopeSpans().At(0).Spans().At(n).SetTraceID(id)
			}
		}
		at = at.Add(100 * time.Millisecond)
		b.StartTimer()
		s.Note(batch, at)
		s.Sift(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/span")
}
