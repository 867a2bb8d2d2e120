package pipeline

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// counted in pieces of so many bytes.
func tallied(signal string, b []byte, pieces int) tally {
	t := tally{path: paths[signal]}
	for len(b) > 0 {
		n := min(pieces, len(b))
		t.read(b[:n])
		b = b[n:]
	}
	return t
}

func TestTallyCountsWhatDecodingFinds(t *testing.T) {
	td := spansOfASidecar(300)
	spans("one", "two").ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ld := plog.NewLogs()
	for range 3 {
		records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		records.AppendEmpty().Body().SetStr("a")
		records.AppendEmpty().Attributes().PutEmptyMap("x").PutStr("a", "b")
	}
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	metrics.AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	metrics.AppendEmpty().SetEmptySum().DataPoints().AppendEmpty().SetDoubleValue(1)
	metrics.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty().BucketCounts().FromRaw([]uint64{1, 2})
	points := metrics.AppendEmpty().SetEmptyExponentialHistogram().DataPoints()
	points.AppendEmpty().Positive().BucketCounts().FromRaw([]uint64{1, 2})
	points.AppendEmpty()
	metrics.AppendEmpty().SetEmptySummary().DataPoints().AppendEmpty().SetCount(3)
	metrics.AppendEmpty().SetName("nothing")

	traces, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	must(t, err)
	logs, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	must(t, err)
	points6, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	must(t, err)
	for _, tt := range []struct {
		signal string
		body   []byte
		want   int
	}{
		{"traces", traces, td.SpanCount()},
		{"logs", logs, ld.LogRecordCount()},
		{"metrics", points6, md.DataPointCount()},
		{"traces", nil, 0},
	} {
		for _, pieces := range []int{1, 2, 3, 7, 4096, 1 << 20} {
			if got := tallied(tt.signal, tt.body, pieces); got.items != tt.want || !got.whole() {
				t.Errorf("%s in pieces of %d: %+v, want %d", tt.signal, pieces, got, tt.want)
			}
		}
	}
	if got := tallied("traces", traces[:len(traces)-1], 100); got.whole() {
		t.Error("a part of a request passes for a whole")
	}
	if n := testing.AllocsPerRun(10, func() { tallied("traces", traces, 4096) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever can be decoded is counted as it is decoded; what cannot must not hold it up.
func FuzzTally(f *testing.F) {
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(spans("a", "b"))
	must(f, err)
	f.Add(b, 3)
	f.Add([]byte{0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 1)
	f.Fuzz(func(t *testing.T, b []byte, pieces int) {
		got := tallied("traces", b, max(pieces, 1))
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
		if err == nil && got.whole() && got.items != td.SpanCount() {
			t.Errorf("%d spans, counted %d: %x", td.SpanCount(), got.items, b)
		}
	})
}

func BenchmarkTally(b *testing.B) {
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(spansOfASidecar(1000))
	must(b, err)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		tallied("traces", body, 32<<10)
	}
}
