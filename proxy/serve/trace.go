package serve

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"unsafe"

	"github.com/sightline-mesh/sightline/proxy/emit"
)

// openTrace places the exchange's span: under the one that the request names, else
// as the root of a new trace.
func (x *exchange) openTrace(traceparent, b3 string) {
	parent, ok := emit.Trace{}, false
	if traceparent != "" {
		parent, ok = emit.ParseTraceparent(traceparent)
	}
	if !ok && b3 != "" {
		parent, ok = emit.B3{Single: b3}.Trace()
	}
	if ok {
		x.rec.Trace, x.rec.ParentID = parent.Child(), parent.Span
	} else {
		x.rec.Trace = emit.NewTrace()
	}
	x.rec.Trace.AppendTraceparent(x.trace[:0])
}

// traceparent is what the next hop is told; valid until the exchange's reset.
func (x *exchange) traceparent() string { return view(x.trace[:]) }

// newRequestID makes an x-request-id, a random UUID; valid until the exchange's reset.
func (x *exchange) newRequestID() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	id := &x.id
	hex.Encode(id[:8], b[:4])
	hex.Encode(id[9:13], b[4:6])
	hex.Encode(id[14:18], b[6:8])
	hex.Encode(id[19:23], b[8:10])
	hex.Encode(id[24:], b[10:])
	id[8], id[13], id[18], id[23] = '-', '-', '-', '-'
	return view(id[:])
}

// view is b as a string without a copy. It changes when b does.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
