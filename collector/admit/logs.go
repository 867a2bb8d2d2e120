package admit

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/sightline-mesh/sightline/collector/account"
)

// Logs decides what of ld is taken and takes the rest out of it. The error is a
// *throttle.RefusedError; then ld is as it was.
func (a *Admission) Logs(s Sender, ld plog.Logs) (*Outcome, error) {
	out := &Outcome{signal: account.Logs, unit: "log records", items: ld.LogRecordCount()}
	if err := a.take(s, logParts(s, ld, out.items), out); err != nil {
		return out, err
	}
	now := pcommon.NewTimestampFromTime(time.Now())
	ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		n := recordsOf(rl)
		if !a.resource(rl.Resource(), n, out) {
			return true
		}
		a.ownerOf(s, rl.Resource(), n, out)
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool {
			if !a.scope(sl.Scope(), sl.LogRecords().Len(), out) {
				return true
			}
			sl.LogRecords().RemoveIf(func(r plog.LogRecord) bool {
				observe(r, now)
				return !a.record(r, out)
			})
			return sl.LogRecords().Len() == 0
		})
		return rl.ScopeLogs().Len() == 0
	})
	return out, nil
}

func logParts(s Sender, ld plog.Logs, items int) []part {
	all := ld.ResourceLogs()
	size := plog.ProtoMarshaler{}
	if s.one(all.Len()) {
		return []part{{all.At(0).Resource(), items, s.size(func() int { return size.LogsSize(ld) })}}
	}
	parts := make([]part, 0, all.Len())
	for _, rl := range all.All() {
		parts = append(parts, part{rl.Resource(), recordsOf(rl), size.ResourceLogsSize(rl)})
	}
	return parts
}

func recordsOf(rl plog.ResourceLogs) (n int) {
	for _, sl := range rl.ScopeLogs().All() {
		n += sl.LogRecords().Len()
	}
	return n
}

// observe says of a record without any time that it was seen now, as OpenTelemetry's data model
// has who receives it do: that time goes to the queue with it, so that a batch that is stored
// again by a later process is the same.
func observe(r plog.LogRecord, now pcommon.Timestamp) {
	if r.Timestamp() == 0 && r.ObservedTimestamp() == 0 {
		r.SetObservedTimestamp(now)
	}
}

// record reports whether a log record can be taken, and makes it fit.
func (a *Admission) record(r plog.LogRecord, out *Outcome) bool {
	var read reading
	fault := first(
		read.field("event name", r.EventName()), read.field("severity text", r.SeverityText()), read.attributes(r.Attributes()),
	)
	longest := read.longest // not of the body, which stays as long as it is
	if fault == "" && !read.value(r.Body(), 0) {
		fault = "body is not UTF-8"
	}
	if fault != "" {
		out.reject(NotUTF8, 1, func() string {
			return fmt.Sprintf("log record of %s: %s", r.Timestamp().AsTime().Format("2006-01-02T15:04:05.999Z07:00"), fault)
		})
		return false
	}
	t := a.trim(r.Attributes(), longest)
	r.SetDroppedAttributesCount(r.DroppedAttributesCount() + uint32(t.left))
	out.trimmed(t)
	return true
}
