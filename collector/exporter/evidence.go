package exporter

import (
	"hash/maphash"
	"iter"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/tail"
)

func (s *Sieve) spans(td ptrace.Traces) iter.Seq[tail.Span] {
	return func(yield func(tail.Span) bool) {
		for _, rs := range td.ResourceSpans().All() {
			service := s.service(rs.Resource())
			for _, ss := range rs.ScopeSpans().All() {
				mesh := ss.Scope().Name() == signal.ScopeProxy
				for _, span := range ss.Spans().All() {
					if !span.TraceID().IsEmpty() && !yield(s.evidence(span, service, mesh)) {
						return
					}
				}
			}
		}
	}
}

// service names one in a hash.
func (s *Sieve) service(r pcommon.Resource) uint64 {
	return maphash.String(s.seed, attributeText(r.Attributes(), signal.KeyService)) ^
		maphash.String(s.seed, attributeText(r.Attributes(), signal.KeyNamespace))<<1
}

// remarks are what a span's attributes have to say.
type remarks struct {
	status, grpc           int // -1 is none
	flags, protocol, route string
	peer                   string
	marked                 bool
}

// The attributes by which somebody says that a trace is to be kept: OpenTracing's, also of
// Jaeger's clients where debugging was asked for, and our own.
const (
	keyPriority = "sampling.priority" // above 0
	keyKeep     = "sightline.keep"    // true
)

func remarksOf(m pcommon.Map) remarks {
	r := remarks{status: -1, grpc: -1}
	for k, v := range m.All() {
		switch k {
		case signal.KeyStatus, "http.status_code":
			r.status = number(v)
		case signal.KeyGRPCStatus:
			r.grpc = number(v)
		case signal.KeyFlags:
			r.flags = v.Str()
		case signal.KeyProtocol:
			r.protocol = v.Str()
		case signal.KeyRoute, "http.route":
			r.route = v.Str()
		case signal.KeyPeer:
			r.peer = v.Str()
		case keyPriority, keyKeep:
			r.marked = r.marked || number(v) > 0 || v.Bool() || v.Str() == "true"
		}
	}
	return r
}

// number is a whole number as SDKs write it, -1 where it is none.
func number(v pcommon.Value) int {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return int(v.Int())
	case pcommon.ValueTypeDouble:
		return int(v.Double())
	case pcommon.ValueTypeStr:
		if n, err := strconv.Atoi(v.Str()); err == nil {
			return n
		}
	}
	return -1
}

const sampledFlag = 1

func (s *Sieve) evidence(span ptrace.Span, service uint64, mesh bool) tail.Span {
	r := remarksOf(span.Attributes())
	root, kind := span.ParentSpanID().IsEmpty(), span.Kind()
	out := tail.Span{
		Trace: span.TraceID(), State: span.TraceState().AsRaw(), Root: root,
		Start: int64(span.StartTimestamp()), Duration: int64(span.EndTimestamp() - min(span.StartTimestamp(), span.EndTimestamp())), //nolint:gosec // until 2262
		Failed: span.Status().Code() == ptrace.StatusCodeError || r.failed(mesh && (kind == ptrace.SpanKindClient || kind == ptrace.SpanKindServer)),
		// A sidecar that has sampled the trace says so: of others it tells what it was told to keep.
		Marked: r.marked || mesh && span.Flags()&sampledFlag == 0,
	}
	if root || kind == ptrace.SpanKindServer || kind == ptrace.SpanKindConsumer {
		if r.route == "" {
			r.route = span.Name()
		}
		out.Route = max(service^maphash.String(s.seed, r.route)<<2^maphash.String(s.seed, r.peer)<<3, 1)
	}
	return out
}

// failed judges as spanRow does, and what an app answered by its status, whatever it made
// of that.
func (r *remarks) failed(hop bool) bool { //nolint:revive // two rules, as there are two kinds
	if hop {
		return signal.FailedHop(r.protocol, max(r.status, 0), r.grpc, r.flags)
	}
	const ok = 200
	return (r.status > 0 || r.grpc >= 0) && signal.Failed(max(r.status, ok), r.grpc)
}
