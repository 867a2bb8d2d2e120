package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

//go:embed sql/query/logs.sql
var logsByFilter string

// Logs gives the newest rows that meet every condition of the question, newest first.
func (s *Store) Logs(ctx context.Context, q signal.LogQuery) ([]signal.Log, error) {
	const usual = 100
	if q.TraceID != "" {
		id, err := traceID(q.TraceID)
		if err != nil {
			return nil, err
		}
		q.TraceID = id
	}
	where := condition{schema: logSchema}
	sql, err := where.parse(q.Filter)
	if err != nil {
		return nil, err
	}
	statement := strings.ReplaceAll(logsByFilter, "{{filter}}", sql)
	want := limit(q.Limit, usual)
	var found []signal.Log
	for w := range logWindows(q, time.Now()) {
		more, err := s.logs(ctx, statement, append(logParams(q, w, want-len(found)), where.params...))
		if err != nil {
			return nil, err
		}
		if found = append(found, more...); len(found) >= want {
			break
		}
	}
	return found, nil
}

// logWindows is where to look, the newest first. Rows of one trace or request are
// few and found by their index wherever they are, so that one look is enough.
func logWindows(q signal.LogQuery, now time.Time) func(yield func(signal.Window) bool) {
	w := window(q.Start, q.End, now.Add(time.Minute)) // other machines' clocks may be ahead
	if q.TraceID == "" && q.RequestID == "" {
		return back(w)
	}
	return func(yield func(signal.Window) bool) { yield(w) }
}

func (s *Store) logs(ctx context.Context, statement string, params []any) ([]signal.Log, error) {
	found, err := collect(ctx, s, statement, scanLog, params)
	if err != nil {
		return nil, fmt.Errorf("read logs: %w", err)
	}
	return found, nil
}

func logParams(q signal.LogQuery, w signal.Window, limit int) []any {
	return []any{
		Param("start", nanos(w.Start)), Param("end", nanos(w.End)),
		Param("service", q.Service), Param("trace_id", q.TraceID), Param("request_id", q.RequestID),
		Param("min_status", uint16(max(q.MinStatus, 0))), Param("text", q.Text), Param("limit", limit),
	}
}

func scanLog(rows driver.Rows) (signal.Log, error) {
	var (
		l                signal.Log
		h                Hop
		a                attributeMaps
		access           bool
		tries            string
		authority, agent string
		firstByte        float64
		in, out          uint64
	)
	err := rows.Scan(&l.Time, &l.Service, &l.Version, &l.Instance, &l.Reporter, &l.Peer, &l.PeerVersion, &l.Method, &l.Path,
		&h.Status, &l.Flags, &l.Reason, &l.DurationMS, &l.RequestID,
		&l.TraceID, &l.SpanID, &l.Severity, &l.Body,
		&access, &h.GRPCStatus, &h.Route, &h.GeneratedBy, &h.Attempts, &tries, &h.Protocol, &h.MTLS, &h.ConfigVersion,
		&h.PeerInstance, &h.PeerIdentity, &authority, &agent, &firstByte, &in, &out,
		&a.strings, &a.numbers, &a.bools, &a.resource)
	if err != nil {
		return l, err
	}
	l.Status = int(h.Status)
	h.Status = 0 // it has a field
	if l.TraceID == noTraceID {
		l.TraceID = ""
	}
	if l.SpanID == noSpanID {
		l.SpanID = ""
	}
	l.Attributes = a.merge()
	h.restore(l.Attributes)
	setText(l.Attributes, signal.KeyTries, tries)
	setText(l.Attributes, signal.KeyAuthority, authority)
	setText(l.Attributes, signal.KeyUserAgent, agent)
	if access {
		l.Attributes[signal.KeyMTLS] = h.MTLS
		l.Attributes[signal.KeyBytesIn] = int64(in)
		l.Attributes[signal.KeyBytesOut] = int64(out)
		l.Attributes[signal.KeyFirstByte] = firstByte
	}
	return l, nil
}

const noTraceID = "00000000000000000000000000000000"

func setText(m map[string]any, key, value string) {
	if value != "" {
		m[key] = value
	}
}
