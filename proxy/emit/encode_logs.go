package emit

import "github.com/sightline-mesh/sightline/collector/signal"

// Fields and values of opentelemetry.proto.logs.v1's LogRecord.
const (
	logTime         = 1
	logSeverity     = 2
	logSeverityText = 3
	logAttrs        = 6
	logFlags        = 8
	logTraceID      = 9
	logSpanID       = 10
	logObserved     = 11
	logEventName    = 12
	severityInfo    = 9
	severityWarn    = 13
	severityError   = 17
	clientError     = 400
)

// logs appends an export request of one access-log row for each of rows.
func (e *encoder) logs(b []byte, buf *recordBuffer, rows []row) []byte {
	return e.request(b, signal.ScopeProxy, func(b []byte) []byte {
		for i := range rows {
			b = logRow(b, buf, &rows[i])
		}
		return b
	})
}

func logRow(b []byte, buf *recordBuffer, w *row) []byte {
	b, mark := begin(b, itemsField)
	b = appendFixed64(b, logTime, uint64(w.start))
	b = appendFixed64(b, logObserved, uint64(w.start+w.took))
	number, word := w.severity()
	b = appendVarint(b, logSeverity, number)
	b = appendBytes(b, logSeverityText, word)
	b = appendBytes(b, logEventName, signal.AccessLog)
	b = common(b, logAttrs, buf, w)
	b = attrText(b, logAttrs, signal.KeyUserAgent, buf.get(w.userAgent))
	b = attrText(b, logAttrs, signal.KeyClosedBy, buf.get(w.closedBy))
	b = attrText(b, logAttrs, signal.KeyTries, triesJSON(buf, w))
	b = attrDouble(b, logAttrs, signal.KeyDuration, milliseconds(w.took))
	if w.firstByte > 0 {
		b = attrDouble(b, logAttrs, signal.KeyFirstByte, milliseconds(w.firstByte))
	}
	b = attrInt(b, logAttrs, signal.KeyBytesIn, int64(w.bytesIn))
	b = attrInt(b, logAttrs, signal.KeyBytesOut, int64(w.bytesOut))
	if !w.trace.IsZero() {
		b = appendBytes(b, logTraceID, w.trace.ID[:])
		b = appendBytes(b, logSpanID, w.trace.Span[:])
		if w.trace.Sampled {
			b = appendFixed32(b, logFlags, sampledFlag)
		}
	}
	return end(b, mark)
}

func (w *row) severity() (number uint64, text string) {
	switch {
	case w.failed():
		return severityError, "ERROR"
	case w.status >= clientError:
		return severityWarn, "WARN"
	}
	return severityInfo, "INFO"
}
