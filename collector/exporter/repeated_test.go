package exporter

import (
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A large resource is not repeated for ever so many tiny records: what is beyond the bound is
// dropped and counted, and what comes before it is stored.
func TestLargeResourceIsNotRepeatedForEver(t *testing.T) {
	const size, many = 8 << 20, 1000
	want := (maxRepeated - 1) / size // its key and its service take some, too
	large := func(r pcommon.Resource) { r.Attributes().PutStr("large", strings.Repeat("x", size)) }
	now := pcommon.NewTimestampFromTime(time.Now())

	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	large(rl.Resource())
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for range many {
		records.AppendEmpty()
	}
	rows, dropped := logsIn(ld)
	if len(rows) != want || dropped[tooRepetitive] != many-want {
		t.Errorf("%d log records are stored and %v dropped, want %d stored", len(rows), dropped, want)
	}

	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	large(rs.Resource())
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for range many {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1})
		span.SetStartTimestamp(now)
	}
	kept, _, dropped := spansIn(td)
	if len(kept) != want || dropped[tooRepetitive] != many-want {
		t.Errorf("%d spans are stored and %v dropped, want %d stored", len(kept), dropped, want)
	}
}
