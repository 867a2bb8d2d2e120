package http1

import "strings"

// Known names the fields that the proxy looks at. The index of a head carries it,
// so that later steps compare a byte and not a name.
type Known uint8

// The fields the proxy looks at. Other is any other.
const (
	Other Known = iota
	Host
	Connection
	ContentLength
	TransferEncoding
	KeepAlive
	ProxyConnection
	ProxyAuthorization
	TE
	Trailer
	Upgrade
	Expect
	UserAgent
	ContentType
	RetryAfter
	Traceparent
	Tracestate
	B3
	XRequestID
	SightlineReason
	SightlineFlags
	GRPCStatus
	Baggage
	XB3TraceID
	XB3SpanID
	XB3ParentSpanID
	XB3Sampled
	XB3Flags
	knownEnd
)

// knownNames are the lower-case names, by Known.
var knownNames = [knownEnd]string{
	Host: "host", Connection: "connection", ContentLength: "content-length",
	TransferEncoding: "transfer-encoding", KeepAlive: "keep-alive",
	ProxyConnection: "proxy-connection", ProxyAuthorization: "proxy-authorization",
	TE: "te", Trailer: "trailer", Upgrade: "upgrade", Expect: "expect",
	UserAgent: "user-agent", ContentType: "content-type", RetryAfter: "retry-after",
	Traceparent: "traceparent", Tracestate: "tracestate", B3: "b3", XRequestID: "x-request-id",
	SightlineReason: "x-sightline-reason", SightlineFlags: "x-sightline-flags", GRPCStatus: "grpc-status",
	Baggage: "baggage", XB3TraceID: "x-b3-traceid", XB3SpanID: "x-b3-spanid", XB3ParentSpanID: "x-b3-parentspanid",
	XB3Sampled: "x-b3-sampled", XB3Flags: "x-b3-flags",
}

// String is the lower-case name, empty for Other.
func (k Known) String() string { return knownNames[k] }

// knownByLength holds, for each length of a name, the fields it may be.
var knownByLength = func() (by [24][]Known) {
	for k := Host; k < knownEnd; k++ {
		n := len(knownNames[k])
		by[n] = append(by[n], k)
	}
	return by
}()

// lookup finds the field of a name in any case.
func lookup(name []byte) Known {
	if len(name) >= len(knownByLength) {
		return Other
	}
	for _, k := range knownByLength[len(name)] {
		if equalFold(name, knownNames[k]) {
			return k
		}
	}
	return Other
}

// framingTwin reports whether an app that takes underscores for hyphens, as CGI's
// environment does, would read name as a field that says how long the message is.
func framingTwin(name []byte) bool {
	var twin string
	switch len(name) {
	case len("content-length"):
		twin = knownNames[ContentLength]
	case len("transfer-encoding"):
		twin = knownNames[TransferEncoding]
	default:
		return false
	}
	for i, c := range name {
		if c != '_' && c|0x20 != twin[i]|0x20 {
			return false
		}
	}
	return true
}

// equalFold reports whether name is the lower-case ASCII word lower in any case.
//
// Not strings.EqualFold: to that the Kelvin sign is a k, and so "chun\u212Aed" chunked.
func equalFold[T string | []byte](name T, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// What a byte may be part of.
const (
	tokenByte  = 1 << iota // a field name or a method
	valueByte              // a field value
	targetByte             // a request target
	hostByte               // a host, percent signs aside
)

// classes says for each byte what it may be part of.
var classes = func() (t [256]uint8) {
	for c := 0x21; c <= 0xff; c++ {
		if c != 0x7f {
			t[c] = valueByte | targetByte
		}
	}
	t[' '], t['\t'] = valueByte, valueByte
	for c := '0'; c <= '9'; c++ {
		t[c] |= tokenByte
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= tokenByte
		t[c-0x20] |= tokenByte
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= tokenByte
	}
	for c := range t {
		letterOrDigit := t[c]&tokenByte != 0 && strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) < 0
		if letterOrDigit || strings.IndexByte("-._~!$&'()*+;=", byte(c)) >= 0 {
			t[c] |= hostByte
		}
	}
	return t
}()

// span is how many bytes at the beginning of b are of the class.
func span(b []byte, class uint8) int {
	for i, c := range b {
		if classes[c]&class == 0 {
			return i
		}
	}
	return len(b)
}

// allOf reports whether every byte of b is of the class.
func allOf(b []byte, class uint8) bool {
	for _, c := range b {
		if classes[c]&class == 0 {
			return false
		}
	}
	return true
}
