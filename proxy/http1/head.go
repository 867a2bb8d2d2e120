package http1

import (
	"bytes"
	"unsafe"
)

// The limits on a head. They are constants because a mesh in which two sidecars
// disagree on them would pass a request that its next hop refuses. From a sidecar a
// head may be larger by what it has added.
const (
	maxHead    = 60 << 10
	maxFields  = 256
	headAdded  = headBuffer - maxHead
	fieldAdded = 16
)

// Head is the index of the first line and the fields of one message, and the
// edits that are to be made when it is written. It is reused from one message to
// the next; its content is valid until the Reader's Finish.
type Head struct {
	raw    []byte // first line to empty line, inclusive
	first  int    // length of the first line without CRLF
	fields []field
	adds   []addition
	seen   uint32 // bit set of Known

	edited bool // Remove, Replace or Append was called
	base   int  // how many of adds came before them

	connection connectionTokens
}

// field is one line of a head, as offsets into raw. The line is raw[start:end],
// CRLF included.
type field struct {
	start, nameEnd, valStart, valEnd, end uint32

	known Known
	gone  bool // not to be written
	cut   bool // not to be written, until Undo
}

type addition struct {
	name, value string

	cut bool // as a field's
}

// connectionTokens are the words of the Connection fields that mean something here.
type connectionTokens struct{ close, keepAlive, upgrade, te bool }

// Size is how many bytes the head has.
func (h *Head) Size() int { return len(h.raw) }

// Has reports whether the message came with the field.
func (h *Head) Has(k Known) bool { return h.seen&(1<<k) != 0 }

// Get returns the value of the first such field as it came, edits aside, empty if
// there is none.
func (h *Head) Get(k Known) string {
	if !h.Has(k) {
		return ""
	}
	for i := range h.fields {
		if f := &h.fields[i]; f.known == k {
			return view(h.value(f))
		}
	}
	return ""
}

// trimBlanks returns where line[from:] starts and ends without blanks around it.
func trimBlanks(line []byte, from int) (start, end int) {
	start, end = from, len(line)
	for start < end && isBlank(line[start]) {
		start++
	}
	for end > start && isBlank(line[end-1]) {
		end--
	}
	return start, end
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// clip bounds what an error quotes of a message.
func clip(b []byte) []byte { return b[:min(len(b), 40)] }

// view is b as a string without a copy. It is as short-lived as b.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Lookup finds the value of a lower-case name, as it came. Several fields of one
// name are one value with commas between (RFC 9110, 5.3).
func (h *Head) Lookup(lowerName string) (value string, ok bool) {
	for i := range h.fields {
		f := &h.fields[i]
		if !equalFold(h.name(f), lowerName) {
			continue
		}
		if ok {
			value += "," + view(h.value(f))
			continue
		}
		value, ok = view(h.value(f)), true
	}
	return value, ok
}

// Drop leaves every such field out when the head is written.
func (h *Head) Drop(k Known) {
	if !h.Has(k) {
		return
	}
	for i := range h.fields {
		if h.fields[i].known == k {
			h.fields[i].gone = true
		}
	}
}

// Set replaces every such field by one with the value, which must stay valid
// until the head is written for the last time.
func (h *Head) Set(k Known, value string) {
	h.Drop(k)
	name := knownNames[k]
	for i := range h.adds {
		if h.adds[i].name == name {
			h.adds[i].value = value
			return
		}
	}
	h.adds = append(h.adds, addition{name: name, value: value})
}

// Count is how many lines of the field there are.
func (h *Head) Count(k Known) (n int) {
	for i := range h.fields {
		if h.fields[i].known == k {
			n++
		}
	}
	return n
}

func (h *Head) value(f *field) []byte { return h.raw[f.valStart:f.valEnd] }
func (h *Head) name(f *field) []byte  { return h.raw[f.start:f.nameEnd] }

func (h *Head) reset() {
	h.raw, h.first = nil, 0
	h.fields, h.adds = h.fields[:0], h.adds[:0]
	h.seen, h.edited, h.connection = 0, false, connectionTokens{}
}

// addLine indexes the field line raw[start:end-2]; end is past its CRLF. raw may
// be only a part of the head as yet.
func (h *Head) addLine(raw []byte, start, end int) error {
	line := raw[start : end-2]
	if line[0] == ' ' || line[0] == '\t' {
		return badRequest("folded header line")
	}
	n := span(line, tokenByte)
	if n == 0 || n == len(line) || line[n] != ':' {
		return badRequest("header line %q has no proper name", clip(line))
	}
	v, e := trimBlanks(line, n+1)
	if !allOf(line[v:e], valueByte) {
		return badRequest("header %q has a control byte in its value", clip(line[:n]))
	}
	k := lookup(line[:n])
	if k == Other && framingTwin(line[:n]) {
		return badRequest("header %q passes for another where underscores are hyphens", clip(line[:n]))
	}
	h.seen |= 1 << k
	h.fields = append(h.fields, field{
		start: uint32(start), nameEnd: uint32(start + n),
		valStart: uint32(start + v), valEnd: uint32(start + e), end: uint32(end), known: k,
	})
	return nil
}

// dropHopByHop takes out what is meant for this hop alone (RFC 9110, 7.6.1). The
// fields that carry framing and identity stay even when Connection names them.
func (h *Head) dropHopByHop() {
	for _, k := range [...]Known{KeepAlive, ProxyConnection, ProxyAuthorization, TE, Upgrade, TransferEncoding} {
		h.Drop(k)
	}
	if !h.Has(Connection) {
		return
	}
	for i := range h.fields {
		if f := &h.fields[i]; f.known == Connection {
			f.gone = true
			h.dropNamed(h.value(f))
		}
	}
}

func (h *Head) dropNamed(list []byte) {
	for tok := range bytes.SplitSeq(list, comma) {
		tok = bytes.Trim(tok, " \t")
		switch lookup(tok) {
		case Host, ContentLength, Traceparent, Tracestate, Baggage, B3, XB3TraceID, XB3SpanID, XB3ParentSpanID, XB3Sampled, XB3Flags, XRequestID:
			continue
		}
		if isConnectionWord(tok) {
			continue
		}
		for i := range h.fields {
			if f := &h.fields[i]; sameName(h.name(f), tok) {
				f.gone = true
			}
		}
	}
}

// sameName reports whether two field names differ in case at most.
func sameName(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

func isConnectionWord(tok []byte) bool {
	return equalFold(tok, "close") || equalFold(tok, "keep-alive") || equalFold(tok, "upgrade")
}

var comma = []byte{','}

// readConnection collects the words of the Connection fields.
func (h *Head) readConnection() {
	if !h.Has(Connection) {
		return
	}
	c := &h.connection
	for i := range h.fields {
		f := &h.fields[i]
		if f.known != Connection {
			continue
		}
		for tok := range bytes.SplitSeq(h.value(f), comma) {
			tok = bytes.Trim(tok, " \t")
			c.close = c.close || equalFold(tok, "close")
			c.keepAlive = c.keepAlive || equalFold(tok, "keep-alive")
			c.upgrade = c.upgrade || equalFold(tok, "upgrade")
			c.te = c.te || equalFold(tok, "te")
		}
	}
}

// appendFields appends the fields that stay, in runs of neighbours, then the
// added ones. The empty line is the caller's.
func (h *Head) appendFields(dst []byte) []byte {
	for i := 0; i < len(h.fields); {
		if f := &h.fields[i]; f.gone || f.cut {
			i++
			continue
		}
		j := i + 1
		for j < len(h.fields) && !h.fields[j].gone && !h.fields[j].cut {
			j++
		}
		dst = append(dst, h.raw[h.fields[i].start:h.fields[j-1].end]...)
		i = j
	}
	for i := range h.adds {
		if a := &h.adds[i]; !a.cut {
			dst = appendField(dst, a.name, a.value)
		}
	}
	return dst
}

func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}
