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

//go:embed sql/query/trace.sql
var spansOfTrace string

const (
	// maxSpans bounds what one trace may bring into memory.
	maxSpans = 50_000
	noSpanID = "0000000000000000"
)

// Trace gives the spans of a trace by start. The id is 32 hex digits; a shorter one
// is filled with zeros on the left, as trace ids of 64 bits are written. It returns
// ErrNotFound where the store has no span of it, and at most 50,000 spans.
func (s *Store) Trace(ctx context.Context, id string) ([]signal.Span, error) {
	id, err := traceID(id)
	if err != nil {
		return nil, err
	}
	spans, err := collect(ctx, s, spansOfTrace, scanSpan, []any{Param("trace_id", id), Param("limit", maxSpans)})
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
	const digits = 2 * len(TraceID{})
	if len(id) == 0 || len(id) > digits {
		return "", fmt.Errorf("%w: trace id %q: want %d hex digits", ErrBadQuery, id, digits)
	}
	full := strings.Repeat("0", digits-len(id)) + strings.ToLower(id)
	if _, err := hex.DecodeString(full); err != nil {
		return "", fmt.Errorf("%w: trace id %q: want %d hex digits", ErrBadQuery, id, digits)
	}
	return full, nil
}

func scanSpan(rows driver.Rows) (signal.Span, error) {
	var (
		s        signal.Span
		h        Hop
		a        attributeMaps
		duration uint64
		times    []time.Time
		names    []string
		events   []map[string]string
	)
	err := rows.Scan(&s.TraceID, &s.SpanID, &s.ParentID, &s.Name, &s.Kind, &s.Service, &s.Version, &s.Instance, &s.Mesh,
		&s.Start, &duration, &s.Status, &s.StatusMessage,
		&h.Peer, &h.PeerVersion, &h.PeerInstance, &h.PeerIdentity,
		&h.Route, &h.Method, &h.Path, &h.Status, &h.GRPCStatus, &h.Flags, &h.Reason, &h.GeneratedBy,
		&h.Attempts, &h.Protocol, &h.MTLS, &h.ConfigVersion, &h.RequestID,
		&a.strings, &a.numbers, &a.bools, &a.resource,
		&times, &names, &events)
	if err != nil {
		return s, err
	}
	if s.ParentID == noSpanID {
		s.ParentID = ""
	}
	s.DurationNS = int64(duration)
	s.Attributes = a.merge()
	h.restore(s.Attributes)
	if s.Mesh {
		s.Attributes[signal.KeyMTLS] = h.MTLS
	}
	for i := range times {
		s.Events = append(s.Events, signal.SpanEvent{Time: times[i], Name: names[i], Attributes: anyMap(events[i])})
	}
	return s, nil
}
