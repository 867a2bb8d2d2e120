package clickhouse

import (
	"encoding/hex"
	"strings"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// A sidecar names a request that came without an id as its trace, spelled as UUIDs are
// (signal.TraceRequestID). Such a row of the access log has an empty request_id, which takes
// no room where 16 random bytes would take 18: all rows of sidecars have an id.

// ownRequestID is the id that a row is stored with.
func ownRequestID(r *LogRow) string {
	if r.Access && len(r.RequestID) == requestIDLength && r.RequestID == signal.TraceRequestID(hex.EncodeToString(r.TraceID[:])) {
		return ""
	}
	return r.RequestID
}

const requestIDLength = len("00000000-0000-0000-0000-000000000000")

// restoreRequestID is the id of an access row that was stored with own.
func restoreRequestID(own, trace string) string {
	if own == "" && trace != noTraceID {
		return signal.TraceRequestID(trace)
	}
	return own
}

// traceOfRequest is the trace that a request with that id may have been named as, empty for
// none.
func traceOfRequest(id string) string {
	trace, ok := hexID(strings.ReplaceAll(id, "-", ""), len(TraceID{}))
	if !ok || trace == noTraceID || signal.TraceRequestID(trace) != id {
		return ""
	}
	return trace
}

// requestIDColumn is the id of rows of logs.
func requestIDColumn() promoted {
	const (
		named = "(access AND request_id = '' AND trace_id != toFixedString('', 16))"
		trace = `replaceRegexpOne(lower(hex(trace_id)), '^(.{8})(.{4})(.{4})(.{4})', '\\1-\\2-\\3-\\4-')`
	)
	col := textColumn("if(" + named + ", " + trace + ", request_id)")
	compare := col.compare
	col.present = "(request_id != '' OR " + named + ")"
	col.compare = func(c *condition, e filter.Comparison) (string, string) {
		switch e.Op {
		case filter.Exists:
			return col.present, ""
		case filter.Equal:
			return requestIDOrTrace(c, e.Value.Text), ""
		}
		return compare(c, e)
	}
	return col
}

// requestIDs compiles that a request's id is a text.
type requestIDs func(c *condition, id string) string

// requestIDAlone is for rows that have an id of their own, or none.
func requestIDAlone(c *condition, id string) string { return "request_id = " + c.text(id) }

// requestIDOrTrace is for rows that may have that of their trace. Both columns have an index.
func requestIDOrTrace(c *condition, id string) string {
	trace := traceOfRequest(id)
	if trace == "" {
		return requestIDAlone(c, id)
	}
	return "(" + requestIDAlone(c, id) + " OR (access AND request_id = '' AND trace_id = toFixedString(unhex(" + c.text(trace) + "), 16)))"
}
