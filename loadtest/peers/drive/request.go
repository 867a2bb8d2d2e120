package drive

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

const traceparent = "traceparent: 00-"

// request is the bytes of one request, whose trace context is new each time: a caller
// in a mesh passes on that of its own caller, and telemetry of equal traces would
// compress far better than that of real ones.
type request struct {
	bytes []byte
	trace []byte // the digits of the trace id, inside bytes
	span  []byte
	seed  uint64
}

func newRequest(p Plan) *request {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /echo/item?id=42 HTTP/1.1\r\nHost: %s\r\nUser-Agent: peers/1.0\r\nAccept: */*\r\n", p.Host)
	fmt.Fprintf(&b, "%s%032x-%016x-01\r\n", traceparent, 1, 1)
	fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", p.Body)
	b.Write(bytes.Repeat([]byte("a"), p.Body))
	r := &request{bytes: b.Bytes()}
	at := bytes.Index(r.bytes, []byte(traceparent)) + len(traceparent)
	r.trace, r.span = r.bytes[at:at+32], r.bytes[at+33:at+49]
	return r
}

// next is the request with a trace of its own, good until the next one.
func (r *request) next() []byte {
	var id [24]byte
	for i := 0; i < len(id); i += 8 {
		binary.BigEndian.PutUint64(id[i:], r.random())
	}
	hex.Encode(r.trace, id[:16])
	hex.Encode(r.span, id[16:])
	return r.bytes
}

// random is SplitMix64: each run sends the same traces.
func (r *request) random() uint64 {
	r.seed += 0x9e3779b97f4a7c15
	z := r.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
