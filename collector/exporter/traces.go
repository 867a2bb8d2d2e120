package exporter

import (
	"context"
	"strconv"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/queue"
	"github.com/sightline-mesh/sightline/collector/sampling"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func traceBatch(parts []queue.Part, name string) batch {
	b := batch{signal: traces, dropped: drops{}}
	var blocks []*clickhouse.Block[clickhouse.SpanRow]
	edges := newREDBatch()
	for p := range partsOf[*spanPart](parts) {
		b.items += p.items
		b.dropped.add(p.dropped)
		blocks = append(blocks, p.rows)
		edges.addAll(p.edges)
	}
	b.store = func(ctx context.Context, s *clickhouse.Store) error {
		return clickhouse.Inserts(
			func() error { return s.InsertSpanBlocks(ctx, name, blocks) },
			func() error { return s.InsertRED(ctx, name, edges.rows) },
		)
	}
	return b
}

// spanPart is what is stored of a request: its rows, and of its applications' client spans
// the edges.
type spanPart struct {
	rows    *clickhouse.Block[clickhouse.SpanRow]
	edges   []clickhouse.REDRow
	items   int
	dropped drops
}

// Size implements queue.Part.
func (p *spanPart) Size() int { return p.rows.Size() + len(p.edges)*edgeSize }

// edgeSize is about what an edge takes in memory, its buckets included.
const edgeSize = 1 << 10

func renderSpans(td ptrace.Traces) queue.Part {
	rows := clickhouse.NewSpans()
	p := &spanPart{items: td.SpanCount()}
	p.edges, p.dropped = spanRows(td, clock{time.Now()}, rows.Add)
	p.rows = rows.Block()
	return p
}

// spanRows gives the rows of a request, each until add returns, and of its applications'
// client spans the edges.
func spanRows(td ptrace.Traces, c clock, add func(*clickhouse.SpanRow)) ([]clickhouse.REDRow, drops) {
	var row clickhouse.SpanRow
	dropped := drops{}
	edges := newREDBatch()
	var same repeated
	for _, rs := range td.ResourceSpans().All() {
		o := originOf(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if reason := unfit(span, o, ss.Scope(), c); reason != "" {
					dropped[reason]++
					continue
				}
				if !same.fits(o, ss.Scope().Name()) {
					dropped[tooRepetitive]++
					continue
				}
				fillSpan(&row, o, ss.Scope().Name(), span)
				add(&row)
				if peer := appPeer(&row, span.Attributes()); peer != "" {
					edges.addAppSpan(&row, peer)
				}
			}
		}
	}
	return edges.rows, dropped
}

// unfit is why a span cannot be stored, empty where it can.
func unfit(span ptrace.Span, o origin, scope pcommon.InstrumentationScope, c clock) string {
	switch {
	case span.TraceID().IsEmpty():
		return noTraceID
	case !c.keeps(span.StartTimestamp().AsTime()):
		return outOfTime
	case o.unreadable || !utf8.ValidString(scope.Name()) || !readableSpan(span):
		return notUTF8
	}
	return ""
}

// readableSpan reports whether all text of a span that is stored is UTF-8.
func readableSpan(span ptrace.Span) bool {
	if !utf8.ValidString(span.Name()) || !utf8.ValidString(span.Status().Message()) ||
		!utf8.ValidString(span.TraceState().AsRaw()) || !readable(span.Attributes()) {
		return false
	}
	for _, e := range span.Events().All() {
		if !utf8.ValidString(e.Name()) || !readable(e.Attributes()) {
			return false
		}
	}
	return true
}

// fillSpan makes row that of a span. Its lists of attributes are filled again.
func fillSpan(row *clickhouse.SpanRow, o origin, scope string, span ptrace.Span) {
	attributes := again(row.Attributes, o)
	*row = clickhouse.SpanRow{
		TraceID:       clickhouse.TraceID(span.TraceID()),
		SpanID:        clickhouse.SpanID(span.SpanID()),
		ParentID:      clickhouse.SpanID(span.ParentSpanID()),
		TraceState:    span.TraceState().AsRaw(),
		Name:          span.Name(),
		Kind:          kindOf(span.Kind()),
		Workload:      o.Workload,
		Mesh:          scope == signal.ScopeProxy,
		Scope:         scope,
		Start:         span.StartTimestamp().AsTime(),
		Duration:      time.Duration(span.EndTimestamp() - min(span.StartTimestamp(), span.EndTimestamp())),
		Status:        statusOf(span.Status().Code()),
		StatusMessage: span.Status().Message(),
		Attributes:    attributes,
	}
	if row.TraceState != "" {
		row.Weight = float32(sampling.Read(row.TraceState, span.TraceID()).Threshold.Weight())
	}
	columns := appColumns
	if row.Mesh {
		row.Workload, columns = o.inMesh(), meshColumns
	}
	split(span.Attributes(), columns, &row.Hop, &row.Attributes)
	row.Failed = failed(row)
	addEvents(row, span.Events())
	for _, l := range span.Links().All() {
		trace, at := l.TraceID(), l.SpanID()
		row.LinkTraceIDs = append(row.LinkTraceIDs, string(trace[:]))
		row.LinkSpanIDs = append(row.LinkSpanIDs, string(at[:]))
	}
	if !row.Mesh {
		olderNames(&row.Hop, span.Attributes())
	}
}

// failed judges a hop by the mesh's rule for RED, anything else by its own status.
func failed(row *clickhouse.SpanRow) bool {
	if row.Mesh && (row.Kind == kindClient || row.Kind == kindServer) {
		return signal.FailedHop(row.Protocol, int(row.Hop.Status), int(row.GRPCStatus), row.Flags)
	}
	return row.Status == statusError
}

func addEvents(row *clickhouse.SpanRow, events ptrace.SpanEventSlice) {
	for _, e := range events.All() {
		attrs := make(map[string]string, e.Attributes().Len())
		var types typing
		for k, v := range e.Attributes().All() {
			attrs[k] = textOf(v)
			if v.Type() != pcommon.ValueTypeStr {
				types.note(k, v)
			}
		}
		delete(attrs, signal.KeyTypes)
		if note := types.text(); note != "" {
			attrs[signal.KeyTypes] = note
		}
		row.EventTimes = append(row.EventTimes, e.Timestamp().AsTime())
		row.EventNames = append(row.EventNames, e.Name())
		row.EventAttributes = append(row.EventAttributes, attrs)
	}
}

// olderNames fills columns from the names that conventions had before; the attributes
// stay where they are, too.
func olderNames(h *clickhouse.Hop, attrs pcommon.Map) {
	if h.Method == "" {
		h.Method = attributeText(attrs, "http.method")
	}
	if h.Path == "" {
		h.Path = attributeText(attrs, "http.target")
	}
	if n := olderStatus(attrs); h.Status == 0 && n > 0 && n < 1000 {
		h.Status = uint16(n)
	}
}

// olderStatus is a status that may be text: what comes as Zipkin's has nothing else.
func olderStatus(attrs pcommon.Map) int64 {
	const key = "http.status_code"
	v, ok := attrs.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return attributeInt(attrs, key, 0)
	}
	n, err := strconv.ParseInt(v.Str(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

const (
	kindClient  = "client"
	kindServer  = "server"
	statusError = "error"
)

func kindOf(k ptrace.SpanKind) string {
	switch k {
	case ptrace.SpanKindInternal:
		return "internal"
	case ptrace.SpanKindServer:
		return kindServer
	case ptrace.SpanKindClient:
		return kindClient
	case ptrace.SpanKindProducer:
		return "producer"
	case ptrace.SpanKindConsumer:
		return "consumer"
	}
	return "unspecified"
}

func statusOf(c ptrace.StatusCode) string {
	switch c {
	case ptrace.StatusCodeOk:
		return "ok"
	case ptrace.StatusCodeError:
		return statusError
	}
	return "unset"
}
