package clickhouse

import (
	"context"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/query/trace.sql
	traceByID string
	//go:embed sql/query/span_columns.sql
	spanColumns  string
	spansOfTrace = withSpanColumns(traceByID)
)

func withSpanColumns(statement string) string {
	return strings.ReplaceAll(statement, "{{columns}}", spanColumns)
}

const (
	// MaxSpans bounds what one trace may bring into memory.
	MaxSpans = 50_000
	noSpanID = "0000000000000000"
)

// StoredSpan is a span with all that the store knows of it: what Span.Attributes joins
// stands apart, and identifiers that are not there are empty.
type StoredSpan struct {
	signal.Span // Attributes are the span's own

	Namespace, Scope, TraceState string
	Resource                     map[string]any // without what has fields: service, namespace, version, instance
	Links                        []SpanLink
}

// SpanLink leads to a span of another trace.
type SpanLink struct{ TraceID, SpanID string }

// Trace gives the spans of a trace by start. The id is 32 hex digits; a shorter one
// is filled with zeros on the left, as trace ids of 64 bits are written. It returns
// ErrNotFound where the store has no span of it, and at most 50,000 spans. Attributes are
// such that JSON can carry them.
func (s *Store) Trace(ctx context.Context, id string) ([]signal.Span, error) {
	stored, err := s.Spans(ctx, id)
	spans := make([]signal.Span, len(stored))
	for i, span := range stored {
		for k, v := range span.Resource {
			if _, ok := span.Attributes[k]; !ok {
				span.Attributes[k] = v
			}
		}
		span.Attributes = signal.JSONValues(span.Attributes)
		for i := range span.Events {
			span.Events[i].Attributes = signal.JSONValues(span.Events[i].Attributes)
		}
		spans[i] = span.Span
	}
	return spans, err
}

// Spans is Trace with all that is stored.
func (s *Store) Spans(ctx context.Context, id string) ([]StoredSpan, error) {
	id, err := traceID(id)
	if err != nil {
		return nil, err
	}
	spans, err := collect(ctx, s, spansOfTrace, func(rows driver.Rows) (StoredSpan, error) { return scanSpan(rows) }, []any{Param("trace_id", id), Param("limit", MaxSpans)})
	if err != nil {
		return nil, fmt.Errorf("read trace %s: %w", id, err)
	}
	if len(spans) == 0 {
		return nil, fmt.Errorf("trace %s: %w", id, ErrNotFound)
	}
	return spans, nil
}

// traceID brings an id into the store's spelling.
func traceID(id string) (string, error) {
	full, ok := hexID(id, len(TraceID{}))
	if !ok {
		return "", fmt.Errorf("%w: trace id %q: want %d hex digits", ErrBadQuery, id, 2*len(TraceID{}))
	}
	return full, nil
}

// hexID is an id of so many bytes with its leading zeros.
func hexID(id string, bytes int) (string, bool) {
	if id == "" || len(id) > 2*bytes {
		return "", false
	}
	full := strings.Repeat("0", 2*bytes-len(id)) + strings.ToLower(id)
	_, err := hex.DecodeString(full)
	return full, err == nil
}

// scanSpan reads the columns of span_columns.sql, and what stands behind them into more.
func scanSpan(rows driver.Rows, more ...any) (StoredSpan, error) {
	var (
		s        StoredSpan
		h        Hop
		a        attributeMaps
		duration uint64
		times    []time.Time
		names    []string
		events   []map[string]string
		links    [2][]string
	)
	err := rows.Scan(append([]any{
		&s.TraceID, &s.SpanID, &s.ParentID, &s.TraceState,
		&s.Name, &s.Kind, &s.Service, &s.Namespace, &s.Version, &s.Instance, &s.Mesh, &s.Scope,
		&s.Start, &duration, &s.Status, &s.StatusMessage,
		&h.Peer, &h.PeerVersion, &h.PeerInstance, &h.PeerIdentity,
		&h.Route, &h.Method, &h.Path, &h.Status, &h.GRPCStatus, &h.Flags, &h.Reason, &h.GeneratedBy,
		&h.Attempts, &h.Protocol, &h.MTLS, &h.ConfigVersion, &h.RequestID,
		&a.strings, &a.numbers, &a.bools, &a.resource,
		&times, &names, &events, &links[0], &links[1],
	}, more...)...)
	if err != nil {
		return s, err
	}
	if s.ParentID == noSpanID {
		s.ParentID = ""
	}
	s.DurationNS = int64(duration)
	s.Resource, a.resource = anyMap(a.resource), nil
	s.Attributes = a.merge()
	h.restore(s.Attributes)
	if s.Mesh {
		s.Attributes[signal.KeyMTLS] = h.MTLS
	}
	for i := range times {
		s.Events = append(s.Events, signal.SpanEvent{Time: times[i], Name: names[i], Attributes: anyMap(events[i])})
	}
	for i := range links[0] {
		s.Links = append(s.Links, SpanLink{links[0][i], links[1][i]})
	}
	return s, nil
}
