package emit

import (
	"encoding/hex"
	"strings"
)

// B3 holds the values of B3's headers, empty where a request had none.
type B3 struct {
	Single string // b3: {trace}-{span}-{state}-{parent}, the last two optional
	// X-B3-TraceId, X-B3-SpanId, X-B3-ParentSpanId, X-B3-Sampled and X-B3-Flags.
	TraceID, SpanID, ParentSpanID, Sampled, Flags string
}

// Trace reads the context that B3's headers carry; the single header wins where both
// forms are there. Trace ids of 64 bits are padded with zeros. A context without a
// decision is not sampled: Decision tells whether there is one. It is false where the
// headers name no trace, as when they only carry a sampling decision.
func (h B3) Trace() (Trace, bool) {
	if h.Single != "" {
		return parseB3Single(h.Single)
	}
	t, ok := b3IDs(h.TraceID, h.SpanID)
	if !ok || h.ParentSpanID != "" && !anyHex(new(SpanID)[:], h.ParentSpanID) {
		return Trace{}, false
	}
	t.Sampled, ok = b3Sampled(h.Sampled)
	if h.Flags == "1" { // debug implies sampled
		t.Sampled = true
	}
	return t, ok || h.Sampled == ""
}

// Decision is what the headers say of sampling, also where they name no trace. It is
// false where they say nothing, or nothing that can be read.
func (h B3) Decision() (sampled, ok bool) {
	state := h.Single
	if state == "" {
		if h.Flags == "1" {
			return true, true
		}
		state = h.Sampled
	} else if len(state) > 1 { // a trace too
		t, ok := parseB3Single(state)
		return t.Sampled, ok && hasState(state)
	}
	return b3Sampled(state)
}

// Form is how the headers came, for B3Fields to go on so.
func (h B3) Form() (f B3Form) {
	trace := h.TraceID
	if h.Single != "" {
		f |= B3Single
		trace, _, _ = strings.Cut(h.Single, "-")
		if h.Single == "d" || isDebug(h.Single[len(trace):]) {
			f |= b3Debug
		}
	}
	if h.TraceID != "" || h.SpanID != "" || h.Sampled != "" || h.Flags != "" {
		f |= B3Multi
	}
	if h.Flags == "1" {
		f |= b3Debug
	}
	if len(trace) == 16 {
		f |= b3Short
	}
	return f
}

// isDebug reports whether "-span-state" or "-span-state-parent" has the state d.
func isDebug(afterTrace string) bool {
	parts := strings.SplitN(afterTrace, "-", 4)
	return len(parts) > 2 && parts[2] == "d"
}

// B3Form says which of B3's headers a request came with.
type B3Form uint8

// The forms of B3; a request may come with both.
const (
	B3Single B3Form = 1 << iota
	B3Multi
	b3Short // a trace id of 64 bits
	b3Debug
)

// B3Fields writes a trace context as B3's headers. It is reused; what its methods
// return is valid until the next Set.
type B3Fields struct {
	form B3Form
	buf  [68]byte // {trace}-{span}-{state}-{parent}
	len  int
}

// Set makes f say t, a child of parent, in the form that was met. A trace id that came
// with 64 bits goes on so.
func (f *B3Fields) Set(form B3Form, t Trace, parent SpanID) {
	f.form = form
	id := t.ID[:]
	if form&b3Short != 0 && [8]byte(id[:8]) == [8]byte{} {
		id = id[8:]
	}
	b := append(hex.AppendEncode(f.buf[:0], id), '-')
	b = append(hex.AppendEncode(b, t.Span[:]), '-')
	switch {
	case t.Sampled && form&b3Debug != 0:
		b = append(b, 'd')
	case t.Sampled:
		b = append(b, '1')
	default:
		b = append(b, '0')
	}
	if !parent.IsZero() {
		b = hex.AppendEncode(append(b, '-'), parent[:])
	}
	f.len = len(b)
}

// Form is what was set last; 0 is nothing.
func (f *B3Fields) Form() B3Form { return f.form }

// Reset makes f say nothing.
func (f *B3Fields) Reset() { f.form = 0 }

// Single is the value of the header b3.
func (f *B3Fields) Single() []byte { return f.buf[:f.len] }

// TraceID is the value of X-B3-TraceId.
func (f *B3Fields) TraceID() []byte { return f.buf[:f.trace()] }

// SpanID is the value of X-B3-SpanId.
func (f *B3Fields) SpanID() []byte { return f.buf[f.trace()+1:][:16] }

// Sampled is the value of X-B3-Sampled, nil where X-B3-Flags says it.
func (f *B3Fields) Sampled() []byte {
	state := f.buf[f.trace()+18:][:1]
	if state[0] == 'd' {
		return nil
	}
	return state
}

// ParentSpanID is the value of X-B3-ParentSpanId, nil if there is none.
func (f *B3Fields) ParentSpanID() []byte {
	if at := f.trace() + 20; at < f.len {
		return f.buf[at:f.len]
	}
	return nil
}

func (f *B3Fields) trace() int {
	if f.buf[16] == '-' {
		return 16
	}
	return 32
}

// parseB3Single reads the value of a single b3 header.
func parseB3Single(s string) (Trace, bool) {
	trace, rest, found := strings.Cut(s, "-")
	if !found {
		return Trace{}, false
	}
	span, rest, _ := strings.Cut(rest, "-")
	state, parent, hasParent := strings.Cut(rest, "-")
	t, ok := b3IDs(trace, span)
	if !ok {
		return Trace{}, false
	}
	if hasParent {
		var p SpanID
		if !anyHex(p[:], parent) {
			return Trace{}, false
		}
	}
	if len(state) > 1 {
		return Trace{}, false
	}
	t.Sampled, ok = b3Sampled(state)
	return t, ok || state == ""
}

// hasState reports whether "trace-span-state-parent" has a state.
func hasState(single string) bool {
	parts := strings.SplitN(single, "-", 4)
	return len(parts) > 2 && parts[2] != ""
}

func b3IDs(trace, span string) (Trace, bool) {
	var t Trace
	into := t.ID[:]
	if len(trace) == 16 {
		into = t.ID[8:]
	}
	if !anyHex(into, trace) || !anyHex(t.Span[:], span) || t.ID.IsZero() || t.Span.IsZero() {
		return Trace{}, false
	}
	return t, true
}

// b3Sampled reads a decision. It is false where there is none, or none that can be read.
func b3Sampled(s string) (sampled, ok bool) {
	switch s {
	case "1", "d", "true":
		return true, true
	case "0", "false":
		return false, true
	default:
		return false, false
	}
}
