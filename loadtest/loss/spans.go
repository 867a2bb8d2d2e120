package main

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

const (
	spansPerTrace = 10
	serviceCount  = 10
)

// request encodes the nth request: ids say which it is, and which of its spans.
func request(n, spans int) ([]byte, error) {
	td, now := ptrace.NewTraces(), time.Now()
	services := make([]ptrace.SpanSlice, serviceCount)
	for i := range services {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "service-"+strconv.Itoa(i))
		services[i] = rs.ScopeSpans().AppendEmpty().Spans()
	}
	for i := range spans {
		s := services[i%serviceCount].AppendEmpty()
		var trace pcommon.TraceID
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(trace[:], uint64(n))
		binary.BigEndian.PutUint64(trace[8:], uint64(i/spansPerTrace+1))
		binary.BigEndian.PutUint64(id[:], uint64(i+1))
		s.SetTraceID(trace)
		s.SetSpanID(id)
		s.SetName("operation-" + strconv.Itoa(i%97))
		s.SetKind(ptrace.SpanKindServer)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Duration(i) * time.Millisecond)))
		s.Attributes().PutInt("http.response.status_code", 200)
		for k := range 6 {
			s.Attributes().PutStr("key-"+strconv.Itoa((i+k*7)%97), "value-"+strconv.Itoa((n*31+i*17+k)%1000))
		}
	}
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return nil, fmt.Errorf("encode spans: %w", err)
	}
	return b, nil
}
