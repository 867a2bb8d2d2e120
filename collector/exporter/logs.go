package exporter

import (
	"context"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/queue"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func logBatch(parts []queue.Part, name string) batch {
	b := batch{signal: logs, dropped: drops{}}
	var blocks []*clickhouse.Block[clickhouse.LogRow]
	for p := range partsOf[*logPart](parts) {
		b.items += p.items
		b.dropped.add(p.dropped)
		blocks = append(blocks, p.rows)
	}
	b.store = func(ctx context.Context, s *clickhouse.Store) error {
		return s.InsertLogBlocks(ctx, name, blocks)
	}
	return b
}

// logPart is what is stored of a request.
type logPart struct {
	rows    *clickhouse.Block[clickhouse.LogRow]
	items   int
	dropped drops
}

// Size implements queue.Part.
func (p *logPart) Size() int { return p.rows.Size() }

func renderLogs(ld plog.Logs) queue.Part {
	rows := clickhouse.NewLogs()
	p := &logPart{items: ld.LogRecordCount()}
	p.dropped = logRows(ld, clock{time.Now()}, rows.Add)
	p.rows = rows.Block()
	return p
}

// logRows gives the rows of a request, each until add returns.
func logRows(ld plog.Logs, c clock, add func(*clickhouse.LogRow)) drops {
	var row clickhouse.LogRow
	dropped := drops{}
	var same repeated
	for _, rl := range ld.ResourceLogs().All() {
		o := originOf(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				at := timeOf(record, c)
				if !c.keeps(at) {
					dropped[outOfTime]++
					continue
				}
				if o.unreadable || !utf8.ValidString(record.EventName()) || !readable(record.Attributes()) || !readableValue(record.Body(), 0) {
					dropped[notUTF8]++
					continue
				}
				if !same.fits(o, sl.Scope().Name()) {
					dropped[tooRepetitive]++
					continue
				}
				fillLog(&row, o, sl.Scope().Name(), record)
				row.Time = at
				add(&row)
			}
		}
	}
	return dropped
}

// timeOf is when a record happened, else when it was seen, else now.
func timeOf(r plog.LogRecord, c clock) time.Time {
	switch {
	case r.Timestamp() != 0:
		return r.Timestamp().AsTime()
	case r.ObservedTimestamp() != 0:
		return r.ObservedTimestamp().AsTime()
	}
	return c.now.UTC()
}

// fillLog makes row that of a record, but for its time. Its lists of attributes are filled
// again.
func fillLog(row *clickhouse.LogRow, o origin, scope string, r plog.LogRecord) {
	attributes := again(row.Attributes, o)
	*row = clickhouse.LogRow{
		TraceID:        clickhouse.TraceID(r.TraceID()),
		SpanID:         clickhouse.SpanID(r.SpanID()),
		Workload:       o.Workload,
		Access:         scope == signal.ScopeProxy && r.EventName() == signal.AccessLog,
		Scope:          scope,
		Event:          r.EventName(),
		Severity:       severityOf(r),
		SeverityNumber: uint8(min(max(r.SeverityNumber(), 0), plog.SeverityNumberFatal4)),
		Body:           r.Body().AsString(),
		Attributes:     attributes,
	}
	if !row.Access {
		split(r.Attributes(), appColumns, &row.Hop, &row.Attributes)
		return
	}
	row.Workload = o.inMesh()
	own := func(k string, v pcommon.Value) bool {
		set := accessColumns[k]
		return set != nil && set(row, v)
	}
	splitBut(own, r.Attributes(), meshColumns, &row.Hop, &row.Attributes)
}

// accessColumns are the columns that only access-log rows have.
var accessColumns = map[string]func(*clickhouse.LogRow, pcommon.Value) bool{
	signal.KeyReporter:  accessText(func(r *clickhouse.LogRow) *string { return &r.Reporter }),
	signal.KeyAuthority: accessText(func(r *clickhouse.LogRow) *string { return &r.Authority }),
	signal.KeyUserAgent: accessText(func(r *clickhouse.LogRow) *string { return &r.UserAgent }),
	signal.KeyTries:     accessText(func(r *clickhouse.LogRow) *string { return &r.Tries }),
	signal.KeyDuration:  accessMS(func(r *clickhouse.LogRow) *float64 { return &r.DurationMS }),
	signal.KeyFirstByte: accessMS(func(r *clickhouse.LogRow) *float64 { return &r.FirstByteMS }),
	signal.KeyBytesIn:   accessBytes(func(r *clickhouse.LogRow) *uint64 { return &r.BytesIn }),
	signal.KeyBytesOut:  accessBytes(func(r *clickhouse.LogRow) *uint64 { return &r.BytesOut }),
}

func accessText(field func(*clickhouse.LogRow) *string) func(*clickhouse.LogRow, pcommon.Value) bool {
	return func(r *clickhouse.LogRow, v pcommon.Value) bool {
		*field(r) = v.AsString()
		return true
	}
}

func accessMS(field func(*clickhouse.LogRow) *float64) func(*clickhouse.LogRow, pcommon.Value) bool {
	return func(r *clickhouse.LogRow, v pcommon.Value) bool {
		switch v.Type() {
		case pcommon.ValueTypeDouble:
			*field(r) = v.Double()
		case pcommon.ValueTypeInt:
			*field(r) = float64(v.Int())
		default:
			return false
		}
		return true
	}
}

func accessBytes(field func(*clickhouse.LogRow) *uint64) func(*clickhouse.LogRow, pcommon.Value) bool {
	return func(r *clickhouse.LogRow, v pcommon.Value) bool {
		if v.Type() != pcommon.ValueTypeInt || v.Int() < 0 {
			return false
		}
		*field(r) = uint64(v.Int())
		return true
	}
}

// severityOf is the word of a record's severity, in capitals as sidecars write it.
func severityOf(r plog.LogRecord) string {
	if t := r.SeverityText(); t != "" {
		return t
	}
	words := []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}
	const each = 4 // numbers 1 to 4 are degrees of TRACE, and so on
	if n := int(r.SeverityNumber()); n >= 1 && n <= each*len(words) {
		return words[(n-1)/each]
	}
	return ""
}
