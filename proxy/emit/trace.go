package emit

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// traceparentLen is the length of a version 00 traceparent:
// "00-" 32 hex digits "-" 16 hex digits "-" 2 hex digits.
const traceparentLen = 55

const flagSampled = 1

// IsZero reports whether t is the invalid all-zero id.
func (t TraceID) IsZero() bool { return t == TraceID{} }

// String is t in 32 lower-case hex digits.
func (t TraceID) String() string { return hex.EncodeToString(t[:]) }

// IsZero reports whether s is the invalid all-zero id.
func (s SpanID) IsZero() bool { return s == SpanID{} }

// String is s in 16 lower-case hex digits.
func (s SpanID) String() string { return hex.EncodeToString(s[:]) }

// NewTrace starts a sampled trace: a new trace id and the id of its first span. Ids are
// random but not secret, as W3C trace context asks.
func NewTrace() Trace {
	var t Trace
	for t.ID.IsZero() {
		binary.BigEndian.PutUint64(t.ID[:8], rand.Uint64())
		binary.BigEndian.PutUint64(t.ID[8:], rand.Uint64())
	}
	t.Span = NewSpanID()
	t.Sampled = true
	return t
}

// NewSpanID makes a random span id, never zero.
func NewSpanID() SpanID {
	var s SpanID
	for s.IsZero() {
		binary.BigEndian.PutUint64(s[:], rand.Uint64())
	}
	return s
}

// IsZero reports whether t names no trace.
func (t Trace) IsZero() bool { return t.ID.IsZero() }

// Child is a new span in the same trace. The parent's id is t.Span.
func (t Trace) Child() Trace {
	t.Span = NewSpanID()
	return t
}

// Traceparent is t as the value of the W3C traceparent header. It allocates once;
// AppendTraceparent does not.
func (t Trace) Traceparent() string {
	var b [traceparentLen]byte
	return string(t.AppendTraceparent(b[:0]))
}

// AppendTraceparent appends t to b as the value of the W3C traceparent header, 55 bytes.
func (t Trace) AppendTraceparent(b []byte) []byte {
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, t.ID[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, t.Span[:])
	if t.Sampled {
		return append(b, "-01"...)
	}
	return append(b, "-00"...)
}

// ParseTraceparent reads a W3C traceparent header as strictly as the specification:
// lower-case hex, no zero ids, nothing after the flags in version 00, and version ff
// is invalid. Of a later version only what version 00 defines is read. The caller must
// have checked that the header came exactly once.
func ParseTraceparent(s string) (Trace, bool) {
	if !traceparentShape(s) {
		return Trace{}, false
	}
	var t Trace
	var flags [1]byte
	ok := lowerHex(t.ID[:], s[3:35]) && lowerHex(t.Span[:], s[36:52]) && lowerHex(flags[:], s[53:55])
	if !ok || t.ID.IsZero() || t.Span.IsZero() {
		return Trace{}, false
	}
	t.Sampled = flags[0]&flagSampled != 0
	return t, true
}

// traceparentShape checks the version, the separators and the length.
func traceparentShape(s string) bool {
	if len(s) < traceparentLen || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	var version [1]byte
	if !lowerHex(version[:], s[:2]) || version[0] == 0xff {
		return false
	}
	return len(s) == traceparentLen || version[0] > 0 && s[traceparentLen] == '-'
}

// lowerHex decodes s into dst; s must be exactly as long as dst needs and lower case.
func lowerHex(dst []byte, s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'F' {
			return false
		}
	}
	return anyHex(dst, s)
}

// anyHex decodes s into dst; s must be exactly as long as dst needs.
func anyHex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	for i := range dst {
		hi, lo := nibble(s[2*i]), nibble(s[2*i+1])
		if hi > 15 || lo > 15 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

// nibble is the value of a hex digit, above 15 for any other byte.
func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
