package serve

import (
	"sync/atomic"
	"unsafe"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/sampling"
)

// carried is what a request says of the trace it belongs to.
type carried struct {
	traceparent string // empty also where there are several, which is none
	b3          emit.B3
	sampler     *sampling.Sampler // asked where nobody has decided yet; nil samples
}

// TraceCounts counts what was left out of trace contexts because it was too much.
type TraceCounts struct{ baggage, tracestate atomic.Uint64 }

// Dropped are members of baggage and of tracestate.
func (c *TraceCounts) Dropped() (baggage, tracestate uint64) {
	return c.baggage.Load(), c.tracestate.Load()
}

// openTrace places the exchange's span: under the one that the request names, else
// as the root of a new trace. Of W3C's context and B3's, W3C's wins. It reports whether
// it was W3C's: a tracestate belongs to that.
func (x *exchange) openTrace(c carried) (w3c bool) {
	form := c.b3.Form()
	parent, ok := emit.Trace{}, false
	if c.traceparent != "" {
		parent, w3c = emit.ParseTraceparent(c.traceparent)
		ok = w3c
	}
	if !ok && form != 0 {
		parent, ok = c.b3.Trace()
	}
	if ok {
		x.rec.Trace, x.rec.ParentID = parent.Child(), parent.Span
	} else {
		x.rec.Trace = emit.NewTrace()
	}
	if !w3c {
		x.rec.Trace.Sampled = x.sample(&c)
	}
	x.rec.Trace.AppendTraceparent(x.trace[:0])
	if form != 0 {
		x.b3.Set(form, x.rec.Trace, x.rec.ParentID)
	}
	return w3c
}

// sample decides on a trace that starts here, or of which B3 names no decision.
func (x *exchange) sample(c *carried) bool {
	if sampled, said := c.b3.Decision(); said {
		return sampled
	}
	if c.sampler == nil {
		return true
	}
	return c.sampler.Sample(x.rec.Trace.ID, &sampling.Request{
		Host: x.ask.Authority, Path: x.ask.Path, Method: x.ask.Method, Header: x.ask.Header,
	})
}

// keepSpan records the span of a request that is not sampled, if it ended so that the
// sampler keeps it.
func (x *exchange) keepSpan(s *sampling.Sampler) {
	if s == nil {
		return
	}
	r := &x.rec
	r.Kept = s.Keeps(signal.FailedHop(r.Protocol, r.Status, r.GRPCStatus, r.Flags), r.Took)
}

// traceparent is what the next hop is told; valid until the exchange's reset.
func (x *exchange) traceparent() string { return view(x.trace[:]) }

// b3Fields gives set each field of B3 that the next hop is told: those that f says. An
// empty value is none.
func b3Fields(f *emit.B3Fields, set func(k http1.Known, value string)) {
	form := f.Form()
	if form&emit.B3Single != 0 {
		set(http1.B3, view(f.Single()))
	}
	if form&emit.B3Multi == 0 {
		return
	}
	set(http1.XB3TraceID, view(f.TraceID()))
	set(http1.XB3SpanID, view(f.SpanID()))
	set(http1.XB3ParentSpanID, view(f.ParentSpanID()))
	set(http1.XB3Sampled, view(f.Sampled()))
}

// carried is what the request says.
func (h *h1) carried() (c carried) {
	q := &h.req
	if q.Has(http1.Traceparent) && q.Count(http1.Traceparent) == 1 {
		c.traceparent = q.Get(http1.Traceparent)
	}
	c.b3 = emit.B3{
		Single: q.Get(http1.B3), TraceID: q.Get(http1.XB3TraceID), SpanID: q.Get(http1.XB3SpanID),
		ParentSpanID: q.Get(http1.XB3ParentSpanID), Sampled: q.Get(http1.XB3Sampled), Flags: q.Get(http1.XB3Flags),
	}
	return c
}

// tellTrace puts on the request where in the trace it is now.
func (h *h1) tellTrace() {
	x, q := &h.x, &h.req
	c := h.carried()
	c.sampler = h.cfg.sampler()
	w3c := x.openTrace(c)
	q.Set(http1.Traceparent, x.traceparent())
	if x.b3.Form() != 0 {
		b3Fields(&x.b3, func(k http1.Known, value string) {
			if q.Drop(k); value != "" {
				q.Set(k, value)
			}
		})
	}
	if q.Has(http1.Tracestate) {
		h.bound(http1.Tracestate, &h.cfg.traces.tracestate, func(v string) (string, int) { return stateOf(v, w3c) })
	}
	if q.Has(http1.Baggage) {
		h.bound(http1.Baggage, &h.cfg.traces.baggage, emit.BoundBaggage)
	}
}

// stateOf is what is kept of a tracestate.
func stateOf(value string, w3c bool) (kept string, dropped int) { //nolint:revive // it is what W3C asks about
	if !w3c { // it is of a trace that nobody knows
		return "", 0
	}
	return emit.BoundTracestate(value)
}

// bound replaces a list by what is kept of it.
func (h *h1) bound(k http1.Known, count *atomic.Uint64, keep func(string) (string, int)) {
	value, _ := h.req.Lookup(k.String())
	kept, dropped := keep(value)
	if kept == value {
		return
	}
	count.Add(uint64(dropped))
	if h.req.Drop(k); kept != "" {
		h.req.Set(k, kept)
	}
}

// carried is what the request says.
func (h *h2) carried() (c carried, tracestate, baggage bool) {
	several := false
	for i := range h.req.Fields {
		f := &h.req.Fields[i]
		switch f.Name {
		case "traceparent":
			several = several || c.traceparent != ""
			c.traceparent = f.Value
		case "tracestate":
			tracestate = true
		case "baggage":
			baggage = true
		default:
			b3Field(&c.b3, f.Name, f.Value)
		}
	}
	if several {
		c.traceparent = ""
	}
	return c, tracestate, baggage
}

// b3Field takes a field if it is one of B3's.
func b3Field(b *emit.B3, name, value string) {
	switch name {
	case "b3":
		b.Single = value
	case "x-b3-traceid":
		b.TraceID = value
	case "x-b3-spanid":
		b.SpanID = value
	case "x-b3-parentspanid":
		b.ParentSpanID = value
	case "x-b3-sampled":
		b.Sampled = value
	case "x-b3-flags":
		b.Flags = value
	}
}

// tellTrace puts on the request where in the trace it is now.
func (h *h2) tellTrace() {
	x, r := &h.x, h.req
	c, tracestate, baggage := h.carried()
	c.sampler = h.cfg.sampler()
	w3c := x.openTrace(c)
	r.Set("traceparent", x.traceparent())
	if x.b3.Form() != 0 {
		b3Fields(&x.b3, func(k http1.Known, value string) { setOrDrop(r, k.String(), value) })
	}
	if tracestate {
		h.bound("tracestate", &h.cfg.traces.tracestate, func(v string) (string, int) { return stateOf(v, w3c) })
	}
	if baggage {
		h.bound("baggage", &h.cfg.traces.baggage, emit.BoundBaggage)
	}
}

func setOrDrop(r *http2.Head, name, value string) {
	if value == "" {
		r.Drop(name)
		return
	}
	r.Set(name, value)
}

// bound replaces a list by what is kept of it.
func (h *h2) bound(name string, count *atomic.Uint64, keep func(string) (string, int)) {
	value := h.req.Join(name, ",")
	kept, dropped := keep(value)
	if kept == value {
		return
	}
	count.Add(uint64(dropped))
	setOrDrop(h.req, name, kept)
}

// newRequestID makes an x-request-id of the request's open trace (signal.TraceRequestID,
// without its copies); valid until the exchange's reset.
func (x *exchange) newRequestID() string {
	const at = len("00-") // in a traceparent
	id, trace := &x.id, x.trace[at:]
	copy(id[:8], trace[:8])
	copy(id[9:13], trace[8:12])
	copy(id[14:18], trace[12:16])
	copy(id[19:23], trace[16:20])
	copy(id[24:], trace[20:32])
	id[8], id[13], id[18], id[23] = '-', '-', '-', '-'
	return view(id[:])
}

// view is b as a string without a copy. It changes when b does.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
