package jaeger

import (
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/jaeger/apiv3"
	"github.com/sightline-mesh/sightline/collector/jaeger/storagev2"
)

// summary is a trace in short.
type summary struct {
	id                     string
	rootService, rootName  string
	start, end             time.Time
	spans, errors, orphans int32
	services               map[string]*count
}

type count struct{ spans, errors int32 }

func summarize(spans []clickhouse.StoredSpan) summary {
	s := summary{id: spans[0].TraceID, start: spans[0].Start, services: map[string]*count{}}
	known := make(map[string]bool, len(spans))
	for i := range spans {
		known[spans[i].SpanID] = true
	}
	rooted := false
	for i := range spans {
		span := &spans[i]
		if i == 0 || !rooted && span.ParentID == "" { // the earliest, until one has no parent
			s.rootService, s.rootName = span.Service, span.Name
			rooted = span.ParentID == ""
		}
		if end := span.Start.Add(time.Duration(span.DurationNS)); end.After(s.end) {
			s.end = end
		}
		c := s.services[span.Service]
		if c == nil {
			c = &count{}
			s.services[span.Service] = c
		}
		c.spans++
		s.spans++
		if span.Status == statusError {
			c.errors++
			s.errors++
		}
		if span.ParentID != "" && !known[span.ParentID] {
			s.orphans++
		}
	}
	return s
}

const statusError = "error"

func (s summary) apiv3() *apiv3.TraceSummary {
	out := &apiv3.TraceSummary{
		TraceId: s.id, RootServiceName: s.rootService, RootOperationName: s.rootName,
		MinStartTimeUnixNano: uint64(s.start.UnixNano()), MaxEndTimeUnixNano: uint64(s.end.UnixNano()),
		SpanCount: s.spans, ErrorSpanCount: s.errors, OrphanSpanCount: s.orphans,
	}
	for _, name := range slices.Sorted(maps.Keys(s.services)) {
		c := s.services[name]
		out.Services = append(out.Services, &apiv3.ServiceSummary{Name: name, SpanCount: c.spans, ErrorSpanCount: c.errors})
	}
	return out
}

func (s summary) storagev2() *storagev2.TraceSummary {
	out := &storagev2.TraceSummary{
		TraceId: rawID(s.id), RootServiceName: s.rootService, RootOperationName: s.rootName,
		MinStartTimeUnixNano: uint64(s.start.UnixNano()), MaxEndTimeUnixNano: uint64(s.end.UnixNano()),
		SpanCount: s.spans, ErrorSpanCount: s.errors, OrphanSpanCount: s.orphans,
	}
	for _, name := range slices.Sorted(maps.Keys(s.services)) {
		c := s.services[name]
		out.Services = append(out.Services, &storagev2.ServiceSummary{Name: name, SpanCount: c.spans, ErrorSpanCount: c.errors})
	}
	return out
}

func rawID(id string) []byte {
	b, _ := hex.DecodeString(id) // the store's spelling
	return b
}
