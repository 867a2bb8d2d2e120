package apitest

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Logs is one row for each span of a trace, or of traces back from the newest. The
// cursor is the number of the trace that the next page begins at.
func (s *Shop) Logs(_ context.Context, q signal.LogQuery) (signal.LogPage, error) {
	var page signal.LogPage
	f, err := parseFilter(q.Filter)
	if err != nil || s.silent {
		return page, err
	}
	first, last, ok := s.period(q)
	if n, err := strconv.ParseInt(q.Cursor, 10, 64); err == nil {
		first = n
	}
	for n := first; ok && n > last; n-- {
		if len(page.Logs) >= max(q.Limit, 1) {
			page.Next = strconv.FormatInt(n, 10)
			break
		}
		for _, span := range spansOf(n) {
			if row := rowOf(span); matchesLog(row, q) && f.log(row) {
				page.Logs = append(page.Logs, row)
			}
		}
	}
	return page, nil
}

// period are the numbers of the newest trace and of the one before the oldest.
func (s *Shop) period(q signal.LogQuery) (first, last int64, ok bool) {
	if q.TraceID != "" {
		n, err := strconv.ParseInt(strings.TrimPrefix(q.TraceID, idPrefix), 16, 64)
		return n, n - 1, err == nil
	}
	number := func(t time.Time) int64 { return t.UnixMilli() / traceEvery.Milliseconds() }
	first = number(s.now())
	if !q.End.IsZero() {
		first = min(first, number(q.End))
	}
	last = first - 200
	if !q.Start.IsZero() {
		last = number(q.Start)
	}
	return first, last, true
}

func matchesLog(row signal.Log, q signal.LogQuery) bool {
	return (q.Service == "" || q.Service == row.Service) && row.Status >= q.MinStatus &&
		(q.RequestID == "" || q.RequestID == row.RequestID)
}

// LogHistogram counts what Logs has.
func (s *Shop) LogHistogram(_ context.Context, q signal.LogQuery, bins int) (signal.LogHistogram, error) {
	f, err := parseFilter(q.Filter)
	step := q.End.Sub(q.Start) / time.Duration(bins)
	h := signal.LogHistogram{Start: q.Start, End: q.End, StepMS: step.Milliseconds(), Bins: map[string][]uint64{}}
	if err != nil || s.silent {
		return h, err
	}
	first, last, ok := s.period(q)
	for n := first; ok && n > last; n-- {
		for _, span := range spansOf(n) {
			row := rowOf(span)
			if at := int(row.Time.Sub(q.Start) / step); at >= 0 && at < bins && matchesLog(row, q) && f.log(row) {
				if h.Bins[row.Severity] == nil {
					h.Bins[row.Severity] = make([]uint64, bins)
				}
				h.Bins[row.Severity][at]++
				h.Total++
			}
		}
	}
	return h, nil
}

func rowOf(s signal.Span) signal.Log {
	row := signal.Log{
		Time: s.Start, Service: s.Service, Version: s.Version, Instance: s.Instance, Reporter: signal.Destination,
		Path: "/" + s.Service, DurationMS: float64(s.DurationNS) / 1e6, TraceID: s.TraceID, SpanID: s.SpanID,
		RequestID: "req-" + s.TraceID[24:], Severity: "INFO", Attributes: map[string]any{signal.KeyGenerated: "app"},
	}
	row.Method, _ = s.Attributes[signal.KeyMethod].(string)
	row.Peer, _ = s.Attributes[signal.KeyPeer].(string)
	row.Flags, _ = s.Attributes[signal.KeyFlags].(string)
	if code, ok := s.Attributes[signal.KeyStatus].(int64); ok {
		row.Status = int(code)
	}
	if row.Status >= 500 {
		row.Severity, row.Reason = "ERROR", "the application answered "+strconv.Itoa(row.Status)
	}
	for _, k := range []string{signal.KeyTries, signal.KeyConfig, signal.KeyAttempts} {
		if v, ok := s.Attributes[k]; ok {
			row.Attributes[k] = v
		}
	}
	if s.Kind == "client" {
		row.Reporter = signal.Source
	}
	return row
}
