package emit

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Fields and values of opentelemetry.proto.trace.v1's Span and Status.
const (
	spanTraceID   = 1
	spanID        = 2
	spanParent    = 4
	spanName      = 5
	spanKind      = 6
	spanStart     = 7
	spanEnd       = 8
	spanAttrs     = 9
	spanStatus    = 15
	spanFlags     = 16
	statusMessage = 2
	statusCode    = 3
	statusError   = 2
	kindInternal  = 1
	kindServer    = 2
	kindClient    = 3
	sampledFlag   = 1
	tryName       = "try"
	serverError   = 500
)

// traces appends an export request of the spans of rows, and says how many
// spans those are.
func (e *encoder) traces(b []byte, buf *recordBuffer, rows []row) (body []byte, spans int) {
	body = e.request(b, signal.ScopeProxy, func(b []byte) []byte {
		for i := range rows {
			w := &rows[i]
			if !w.trace.Sampled {
				continue
			}
			b = e.span(b, buf, w)
			spans++
			if w.triesLen < 2 {
				continue
			}
			for n, t := range buf.triesOf(w) {
				b = trySpan(b, buf, w, &t, n)
				spans++
			}
		}
		return b
	})
	return body, spans
}

func (e *encoder) span(b []byte, buf *recordBuffer, w *row) []byte {
	b, mark := begin(b, itemsField)
	b = appendIDs(b, w.trace, w.parent)
	b = e.name(b, buf, w)
	kind := uint64(kindClient)
	if w.direction == Inbound {
		kind = kindServer
	}
	b = appendVarint(b, spanKind, kind)
	b = appendFixed64(b, spanStart, uint64(w.start))
	b = appendFixed64(b, spanEnd, uint64(w.start+w.took))
	b = common(b, spanAttrs, buf, w)
	if w.failed() {
		b = appendError(b, buf.get(w.reason))
	}
	b = appendFixed32(b, spanFlags, sampledFlag)
	return end(b, mark)
}

// trySpan appends the span of one attempt, a child of the request's. Its id is made
// from the parent's, so that a batch encoded twice names the same spans.
func trySpan(b []byte, buf *recordBuffer, w *row, t *tryRow, n int) []byte {
	at := w.trace
	binary.BigEndian.PutUint64(at.Span[:], binary.BigEndian.Uint64(at.Span[:])+uint64(n)+1)
	b, mark := begin(b, itemsField)
	b = appendIDs(b, at, w.trace.Span)
	b = appendBytes(b, spanName, tryName)
	b = appendVarint(b, spanKind, kindInternal)
	b = appendFixed64(b, spanStart, uint64(w.start+t.start))
	b = appendFixed64(b, spanEnd, uint64(w.start+t.start+t.took))
	b = attrString(b, spanAttrs, signal.KeyReporter, w.direction.reporter())
	b = attrText(b, spanAttrs, signal.KeyPeer, buf.get(w.peerService))
	b = attrText(b, spanAttrs, signal.KeyPeerInst, buf.get(t.instance))
	b = attrText(b, spanAttrs, signal.KeyReason, buf.get(t.reason))
	b = attrInt(b, spanAttrs, signal.KeyStatus, int64(t.status))
	b = attrInt(b, spanAttrs, signal.KeyTry, int64(n)+1)
	if t.status == 0 || t.status >= serverError {
		b = appendError(b, buf.get(t.reason))
	}
	b = appendFixed32(b, spanFlags, sampledFlag)
	return end(b, mark)
}

func appendIDs(b []byte, t Trace, parent SpanID) []byte {
	b = appendBytes(b, spanTraceID, t.ID[:])
	b = appendBytes(b, spanID, t.Span[:])
	if !parent.IsZero() {
		b = appendBytes(b, spanParent, parent[:])
	}
	return b
}

func appendError(b, message []byte) []byte {
	b, mark := begin(b, spanStatus)
	b = appendBytes(b, statusMessage, validText(message))
	b = appendVarint(b, statusCode, statusError)
	return end(b, mark)
}

// name appends a name with few values: the full method of a gRPC call, else the method
// and the service called. The path goes into an attribute.
func (e *encoder) name(b []byte, buf *recordBuffer, w *row) []byte {
	path := buf.get(w.path)
	if string(buf.get(w.protocol)) == "grpc" && len(path) > 1 {
		return appendBytes(b, spanName, validText(path[1:]))
	}
	method := knownMethod(string(buf.get(w.method)))
	callee := buf.get(w.peerService)
	if w.direction == Inbound {
		callee = []byte(e.service)
	}
	if len(callee) == 0 {
		return appendBytes(b, spanName, method)
	}
	b = protowire.AppendTag(b, spanName, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(method)+1+len(callee)))
	b = append(b, method...)
	b = append(b, ' ')
	return append(b, callee...)
}
