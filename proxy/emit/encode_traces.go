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

// sharedSpan appends the fields of a span that spans of one shape have alike, its name
// if that is one of them.
func (e *encoder) sharedSpan(b []byte, w *row, t *splitTexts) (out []byte, named bool) {
	kind := uint64(kindClient)
	if w.direction == Inbound {
		kind = kindServer
	}
	b = appendVarint(b, spanKind, kind)
	if named = string(t[textProtocol]) != "grpc"; named {
		b = e.name(b, w, t)
	}
	b = common(b, spanAttrs, w, t)
	if w.bad {
		b = appendError(b, t[textReason])
	}
	if w.kept {
		return b, named
	}
	return appendFixed32(b, spanFlags, sampledFlag), named
}

// spans appends the span of w, whose shape is s, and those of its tries if there was
// more than one.
func (e *encoder) spans(b []byte, s *shape, c *chunk, w *row) []byte {
	b, mark := begin(b, itemsField)
	b = append(b, s.span...)
	if !s.named {
		b = e.ownName(b, c, w)
	}
	b = appendIDs(b, w.trace, w.parent)
	b = appendFixed64(b, spanStart, uint64(w.start))
	b = appendFixed64(b, spanEnd, uint64(w.start+w.took))
	b = e.ownAttrs(b, spanAttrs, c, w)
	b = end(append(b, c.ownOf(w, textTags)...), mark)
	if w.triesLen < 2 {
		return b
	}
	callee := split(c.sharedOf(w), &w.facts)[textPeerService]
	tries := c.triesOf(w)
	for n := range tries {
		b = trySpan(b, c, w, n, callee)
	}
	return b
}

// trySpan appends the span of one attempt, a child of the request's. Its id is made
// from the parent's, so that a batch encoded twice names the same spans.
func trySpan(b []byte, c *chunk, w *row, n int, callee []byte) []byte {
	t := &c.triesOf(w)[n]
	at := w.trace
	binary.BigEndian.PutUint64(at.Span[:], binary.BigEndian.Uint64(at.Span[:])+uint64(n)+1)
	b, mark := begin(b, itemsField)
	b = appendIDs(b, at, w.trace.Span)
	b = appendBytes(b, spanName, tryName)
	b = appendVarint(b, spanKind, kindInternal)
	b = appendFixed64(b, spanStart, uint64(w.start+t.start))
	b = appendFixed64(b, spanEnd, uint64(w.start+t.start+t.took))
	b = attrString(b, spanAttrs, signal.KeyReporter, w.direction.reporter())
	b = attrText(b, spanAttrs, signal.KeyPeer, callee)
	b = attrText(b, spanAttrs, signal.KeyPeerInst, c.instanceOf(t))
	b = attrText(b, spanAttrs, signal.KeyReason, c.reasonOf(t))
	b = attrInt(b, spanAttrs, signal.KeyStatus, int64(t.status))
	b = attrInt(b, spanAttrs, signal.KeyTry, int64(n)+1)
	if !t.lost && (t.status == 0 || t.status >= serverError) {
		b = appendError(b, c.reasonOf(t))
	}
	if !w.kept {
		b = appendFixed32(b, spanFlags, sampledFlag)
	}
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

// ownName appends the name of a gRPC call's span: its full method.
func (e *encoder) ownName(b []byte, c *chunk, w *row) []byte {
	if path := e.target(c, w); len(path) > 1 {
		return appendBytes(b, spanName, validText(path[1:]))
	}
	t := split(c.sharedOf(w), &w.facts)
	return e.name(b, w, &t)
}

// name appends a name with few values: the method and the service called. The path
// goes into an attribute.
func (e *encoder) name(b []byte, w *row, t *splitTexts) []byte {
	method := knownMethod(string(t[textMethod]))
	callee := validText(t[textPeerService])
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
