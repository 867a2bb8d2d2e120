package admit

import (
	"fmt"
	"hash/maphash"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/cardinality"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// identity are the attributes of a resource that it keeps in any case.
var identity = []string{signal.KeyService, signal.KeyNamespace, signal.KeyVersion, signal.KeyInstance}

// Traces decides what of td is taken and takes the rest out of it. The error is a
// *throttle.RefusedError; then td is as it was.
func (a *Admission) Traces(s Sender, td ptrace.Traces) (*Outcome, error) {
	out := &Outcome{signal: account.Traces, unit: "spans", items: td.SpanCount()}
	if err := a.take(s, traceParts(s, td, out.items), out); err != nil {
		return out, err
	}
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		n := spansOf(rs)
		if !a.resource(rs.Resource(), n, out) {
			return true
		}
		o := a.ownerOf(s, rs.Resource(), n, out)
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			if !a.scope(ss.Scope(), ss.Spans().Len(), out) {
				return true
			}
			ss.Spans().RemoveIf(func(span ptrace.Span) bool { return !a.span(o, ss.Scope(), span, out) })
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	return out, nil
}

func traceParts(s Sender, td ptrace.Traces, items int) []part {
	all := td.ResourceSpans()
	size := ptrace.ProtoMarshaler{}
	if s.one(all.Len()) {
		return []part{{all.At(0).Resource(), items, s.size(func() int { return size.TracesSize(td) })}}
	}
	parts := make([]part, 0, all.Len())
	for _, rs := range all.All() {
		parts = append(parts, part{rs.Resource(), spansOf(rs), size.ResourceSpansSize(rs)})
	}
	return parts
}

func spansOf(rs ptrace.ResourceSpans) (n int) {
	for _, ss := range rs.ScopeSpans().All() {
		n += ss.Spans().Len()
	}
	return n
}

// resource reports whether the items of a resource can be taken as far as it is concerned.
func (a *Admission) resource(r pcommon.Resource, items int, out *Outcome) bool {
	var read reading
	if fault := read.attributes(r.Attributes()); fault != "" {
		out.reject(NotUTF8, items, func() string { return fmt.Sprintf("resource of %d %s: %s", items, out.unit, fault) })
		return false
	}
	out.trimmed(a.trim(r.Attributes(), read.longest, identity...))
	return true
}

func (*Admission) scope(s pcommon.InstrumentationScope, items int, out *Outcome) bool {
	var read reading
	fault := first(read.field("name", s.Name()), read.field("version", s.Version()), read.attributes(s.Attributes()))
	if fault != "" {
		out.reject(NotUTF8, items, func() string { return fmt.Sprintf("scope of %d %s: %s", items, out.unit, fault) })
	}
	return fault == ""
}

// span reports whether a span can be taken, and makes it fit.
func (a *Admission) span(o owner, scope pcommon.InstrumentationScope, span ptrace.Span, out *Outcome) bool {
	var read reading
	if fault := read.span(span); fault != "" {
		out.reject(NotUTF8, 1, func() string {
			return fmt.Sprintf("span %q (trace %s, span %s): %s", span.Name(), span.TraceID(), span.SpanID(), fault)
		})
		return false
	}
	t := a.trim(span.Attributes(), read.longest)
	span.SetDroppedAttributesCount(span.DroppedAttributesCount() + uint32(t.left))
	for _, e := range span.Events().All() {
		of := a.trim(e.Attributes(), read.longest)
		e.SetDroppedAttributesCount(e.DroppedAttributesCount() + uint32(of.left))
		t.left, t.cut = t.left+of.left, t.cut+of.cut
	}
	out.trimmed(t)
	a.name(o, span, out)
	if scope.Name() != signal.ScopeProxy {
		a.edge(o, span, out)
	}
	return true
}

func (r *reading) span(span ptrace.Span) string {
	fault := first(
		r.field("name", span.Name()), r.field("status message", span.Status().Message()),
		r.field("trace state", span.TraceState().AsRaw()), r.attributes(span.Attributes()),
	)
	for i, e := range span.Events().All() {
		fault = first(fault, within("event", i, r.field("name", e.Name()), r.attributes(e.Attributes())))
	}
	for i, l := range span.Links().All() {
		fault = first(fault, within("link", i, r.field("trace state", l.TraceState().AsRaw()), r.attributes(l.Attributes())))
	}
	return fault
}

// name keeps the names of a service's spans few.
func (a *Admission) name(o owner, span ptrace.Span, out *Outcome) {
	if a.names.Admit(o.key(maphash.String(a.seed, span.Name()))) == cardinality.Room {
		return
	}
	span.Attributes().PutStr(signal.KeySpanName, span.Name())
	span.SetName(signal.Overflow)
	out.overflowed(overflowName, 1)
}

// edge keeps the rows few that an application's calls make.
func (a *Admission) edge(o owner, span ptrace.Span, out *Outcome) {
	if k := span.Kind(); k != ptrace.SpanKindClient && k != ptrace.SpanKindProducer {
		return
	}
	attrs := span.Attributes()
	attrs.Remove(signal.KeyEdge) // is not an application's to say
	var sum uint64
	for k, v := range attrs.All() {
		if signal.AppEdgeKey(k) {
			sum += a.pair(k, textOf(v))
		}
	}
	if sum == 0 || a.rows.Admit(o.key(sum+o.version)) == cardinality.Room {
		return
	}
	attrs.PutStr(signal.KeyEdge, signal.Overflow)
	out.overflowed(overflowEdge, 1)
}
