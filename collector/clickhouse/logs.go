package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

//go:embed sql/query/logs.sql
var logsByFilter string

// Logs gives the newest rows that meet every condition of the question, newest first.
// Where it costs more than a question may, the page holds what was found until then and
// says so; that nothing was found until then is ErrBudget.
func (s *Store) Logs(ctx context.Context, q signal.LogQuery) (signal.LogPage, error) {
	from, err := parseLogCursor(q.Cursor)
	if err != nil {
		return signal.LogPage{}, err
	}
	c, err := compileLogs(logsByFilter, &q)
	if err != nil {
		return signal.LogPage{}, err
	}
	budget, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
	defer cancel()
	page, err := s.logsBack(budget, c, q, from)
	if err != nil {
		return signal.LogPage{}, err
	}
	page.Partial = besides(page.Partial, s.Lacks(ctx, window(q.Start, q.End, time.Now()), tableOfLogs))
	return page, nil
}

// tableOfLogs is what questions about logs read.
const tableOfLogs = "logs"

// logsBack looks at ever longer slices of the window until a page is full.
func (s *Store) logsBack(ctx context.Context, c tally, q signal.LogQuery, from logCursor) (signal.LogPage, error) {
	const usual = 100
	want := limit(q.Limit, usual)
	var found []tiedLog
	looked := q.End
	for w := range logWindows(q, from, time.Now()) {
		params := append(windowParams(w), from.params(w)...)
		more, err := collect(ctx, s, c.statement, scanTiedLog, append(append(params, Param("limit", want+1-len(found))), c.params...))
		switch {
		case overBudget(ctx, err) && len(found) > 0:
			return logPage(found, want, from, "searched back to "+budgetEnd(looked)), nil
		case overBudget(ctx, err):
			return signal.LogPage{}, fmt.Errorf("read logs: %w: %w", ErrBudget, err)
		case err != nil:
			return signal.LogPage{}, fmt.Errorf("read logs: %w", err)
		}
		if found = append(found, more...); len(found) > want {
			break
		}
		looked = w.Start
	}
	return logPage(found, want, from, ""), nil
}

// compileLogs is a statement over the rows that a question selects, but for the window.
func compileLogs(statement string, q *signal.LogQuery) (tally, error) {
	if q.TraceID != "" {
		id, err := traceID(q.TraceID)
		if err != nil {
			return tally{}, err
		}
		q.TraceID = id
	}
	where := condition{schema: logSchema}
	sql, err := where.parse(q.Filter)
	if err != nil {
		return tally{}, err
	}
	if q.RequestID != "" {
		sql = "(" + sql + " AND " + requestIDOrTrace(&where, q.RequestID) + ")"
	}
	return tally{
		what: "count logs", statement: strings.ReplaceAll(statement, "{{filter}}", sql),
		params: append(where.params, Param("service", q.Service), Param("trace_id", q.TraceID),
			Param("min_status", uint16(max(q.MinStatus, 0))), Param("text", q.Text)),
	}, nil
}

// logWindows is where to look, the newest first. Rows of one trace or request are
// few and found by their index wherever they are, so that one look is enough.
func logWindows(q signal.LogQuery, from logCursor, now time.Time) func(yield func(signal.Window) bool) {
	w := window(q.Start, q.End, now.Add(time.Minute)) // other machines' clocks may be ahead
	if end := time.Unix(0, from.before).Add(1); from.before != math.MaxInt64 && end.Before(w.End) {
		w.End = end
	}
	if q.TraceID == "" && q.RequestID == "" {
		return back(w)
	}
	return func(yield func(signal.Window) bool) { yield(w) }
}

func scanTiedLog(rows driver.Rows) (tiedLog, error) {
	var (
		l                tiedLog
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
		&a.strings, &a.numbers, &a.bools, &a.resource, &l.tie)
	if err != nil {
		return l, err
	}
	l.Status = int(h.Status)
	h.Status = 0 // it has a field
	if access {
		l.RequestID = restoreRequestID(l.RequestID, l.TraceID)
	}
	if l.TraceID == noTraceID {
		l.TraceID = ""
	}
	if l.SpanID == noSpanID {
		l.SpanID = ""
	}
	l.Attributes = signal.JSONValues(a.merge())
	h.restore(l.Attributes)
	setText(l.Attributes, signal.KeyTries, tries)
	setText(l.Attributes, signal.KeyAuthority, authority)
	setText(l.Attributes, signal.KeyUserAgent, agent)
	if access {
		l.Attributes[signal.KeyMTLS] = h.MTLS
		l.Attributes[signal.KeyBytesIn] = int64(in)
		l.Attributes[signal.KeyBytesOut] = int64(out)
		l.Attributes[signal.KeyFirstByte] = decimals(firstByte)
		l.DurationMS = decimals(l.DurationMS)
	}
	return l, nil
}

const noTraceID = "00000000000000000000000000000000"

func setText(m map[string]any, key, value string) {
	if value != "" {
		m[key] = value
	}
}
