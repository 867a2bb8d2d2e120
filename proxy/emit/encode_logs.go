package emit

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/signal"
)

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

// sharedLog appends the fields of a log row that rows of one shape have alike.
func sharedLog(b []byte, w *row, t *splitTexts) []byte {
	number, word := w.severity()
	b = appendVarint(b, logSeverity, number)
	b = appendBytes(b, logSeverityText, word)
	b = appendBytes(b, logEventName, signal.AccessLog)
	b = common(b, logAttrs, w, t)
	return attrText(b, logAttrs, signal.KeyClosedBy, t[textClosedBy])
}

// logRow appends the access-log row of w, whose shape is s.
func (e *encoder) logRow(b []byte, s *shape, c *chunk, w *row) []byte {
	b, mark := begin(b, itemsField)
	b = append(b, s.log...)
	b = appendFixed64(b, logTime, uint64(w.start))
	b = appendFixed64(b, logObserved, uint64(w.start+w.took))
	b = e.ownAttrs(b, logAttrs, c, w)
	b = attrText(b, logAttrs, signal.KeyUserAgent, c.ownOf(w, textUserAgent))
	b = attrText(b, logAttrs, signal.KeyTries, triesJSON(c, w))
	b = attrDouble(b, logAttrs, signal.KeyDuration, milliseconds(w.took))
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

// ownAttrs appends what spans and log rows say alike, but each request for itself.
func (e *encoder) ownAttrs(b []byte, f protowire.Number, c *chunk, w *row) []byte {
	b = attrText(b, f, signal.KeyPath, e.target(c, w))
	b = attrText(b, f, signal.KeyRequestID, c.ownOf(w, textRequestID))
	b = attrTime(b, f, signal.KeyWaited, w.waited)
	b = attrTime(b, f, signal.KeyReceived, w.received)
	return attrTime(b, f, signal.KeyFirstByte, w.firstByte)
}

// attrTime appends how long something took, if it took place.
func attrTime(b []byte, f protowire.Number, key string, ns int64) []byte {
	if ns <= 0 {
		return b
	}
	return attrDouble(b, f, key, milliseconds(ns))
}

func (w *row) severity() (number uint64, text string) {
	switch {
	case w.bad:
		return severityError, "ERROR"
	case w.status >= clientError:
		return severityWarn, "WARN"
	}
	return severityInfo, "INFO"
}
