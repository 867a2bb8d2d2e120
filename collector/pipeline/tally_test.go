package pipeline

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protowire"
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
	for _, signal := range []string{"traces", "logs", "metrics"} {
		for name, body := range hidden() {
			if got := tallied(signal, body, 100); got.whole() {
				t.Errorf("%s: %s passes for %d items", signal, name, got.items)
			}
		}
	}
	if n := testing.AllocsPerRun(10, func() { tallied("traces", traces, 4096) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// hidden are requests whose items a decoder finds where none seem to be.
func hidden() map[string][]byte {
	in := func(b []byte, tags ...uint64) []byte {
		for _, tag := range tags {
			b = protowire.AppendBytes(protowire.AppendVarint(nil, tag), b)
		}
		return b
	}
	const wide = 1 << 32              // that a decoder leaves out of a field's number
	metric := in(nil, 1<<3|2, 5<<3|2) // a gauge with a point; as a span or a record, one without an id
	return map[string][]byte{
		"scopes under their old number":   in(metric, 2<<3|2, 1000<<3|2, 1<<3|2),
		"resources under a number beyond": in(metric, 2<<3|2, 2<<3|2, (wide+1)<<3|2),
		"items under a number beyond":     in(metric, (wide+2)<<3|2, 2<<3|2, 1<<3|2),
	}
}

// decodedItems is how many items the receiver finds in a request, if it can be decoded.
func decodedItems(signal string, b []byte) (n int, err error) {
	switch signal {
	case "traces":
		r := ptraceotlp.NewExportRequest()
		err = r.UnmarshalProto(b)
		return r.Traces().SpanCount(), err
	case "logs":
		r := plogotlp.NewExportRequest()
		err = r.UnmarshalProto(b)
		return r.Logs().LogRecordCount(), err
	}
	r := pmetricotlp.NewExportRequest()
	err = r.UnmarshalProto(b)
	return r.Metrics().DataPointCount(), err
}

// What the receiver can decode has no more items than were counted, and other than of
// metrics, whose data may be told twice, as many; what it cannot must not hold it up.
func FuzzTally(f *testing.F) {
	traces, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(spans("a", "b"))
	must(f, err)
	f.Add(traces, 3)
	f.Add([]byte{0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 1)
	for _, b := range hidden() {
		f.Add(b, 100)
	}
	f.Fuzz(func(t *testing.T, b []byte, pieces int) {
		for _, signal := range []string{"traces", "logs", "metrics"} {
			got := tallied(signal, b, max(pieces, 1))
			n, err := decodedItems(signal, b)
			if err == nil && got.whole() && (got.items < n || got.items > n && signal != "metrics") {
				t.Errorf("%d items of %s, counted %d: %x", n, signal, got.items, b)
			}
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
