package exporter

import (
	"encoding/binary"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// recently is a whole minute some time ago.
func recently() time.Time { return time.Now().UTC().Truncate(time.Minute).Add(-10 * time.Minute) }

func stamp(t time.Time) pcommon.Timestamp { return pcommon.NewTimestampFromTime(t) }

func traceNo(n uint64) pcommon.TraceID {
	var id pcommon.TraceID
	id[0] = 0xab
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func spanNo(n uint64) pcommon.SpanID {
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

// workload fills a resource as a sidecar or an SDK does.
func workload(r pcommon.Resource, service, instance string) {
	r.Attributes().PutStr(signal.KeyService, service)
	r.Attributes().PutStr(signal.KeyVersion, "v1")
	r.Attributes().PutStr(signal.KeyInstance, instance)
	r.Attributes().PutStr("host.name", "node-1")
}

// hopSpan is a sidecar's span.
type hopSpan struct {
	trace, id, parent uint64
	kind              ptrace.SpanKind
	service, peer     string
	path              string
	start             time.Time
	took              time.Duration
	status            int
}

func (h hopSpan) add(td ptrace.Traces) ptrace.Span {
	rs := td.ResourceSpans().AppendEmpty()
	workload(rs.Resource(), h.service, h.service+"-v1-1")
	rs.Resource().Attributes().PutStr(signal.KeyNamespace, "default")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(signal.ScopeProxy)
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(traceNo(h.trace))
	s.SetSpanID(spanNo(h.id))
	if h.parent != 0 {
		s.SetParentSpanID(spanNo(h.parent))
	}
	s.SetKind(h.kind)
	s.SetName("GET " + h.peer)
	s.SetStartTimestamp(stamp(h.start))
	s.SetEndTimestamp(stamp(h.start.Add(h.took)))
	a := s.Attributes()
	a.PutStr(signal.KeyPeer, h.peer)
	a.PutStr(signal.KeyPeerVer, "v2")
	a.PutStr(signal.KeyPeerInst, h.peer+"-v2-1")
	a.PutStr(signal.KeyMethod, "GET")
	a.PutStr(signal.KeyPath, h.path)
	a.PutStr(signal.KeyProtocol, "http/1.1")
	a.PutStr(signal.KeyRequestID, fmt.Sprintf("req-%d", h.trace))
	a.PutBool(signal.KeyMTLS, true)
	a.PutInt(signal.KeyStatus, int64(h.status))
	if h.status >= 500 || h.status == 0 {
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage("upstream failed")
		a.PutStr(signal.KeyFlags, "UF,URX")
		a.PutStr(signal.KeyReason, "connect: connection refused")
	}
	return s
}

// fiveSpans is a request web → cart → users as the sidecars and one app see it.
func fiveSpans(trace uint64, at time.Time, status int) ptrace.Traces {
	const ms = time.Millisecond
	td := ptrace.NewTraces()
	hopSpan{trace, trace*10 + 1, 0, ptrace.SpanKindServer, "web", "", "/buy", at, 50 * ms, status}.add(td)
	hopSpan{trace, trace*10 + 2, trace*10 + 1, ptrace.SpanKindClient, "web", "cart", "/items", at.Add(1 * ms), 40 * ms, status}.add(td)
	hopSpan{trace, trace*10 + 3, trace*10 + 2, ptrace.SpanKindServer, "cart", "web", "/items", at.Add(2 * ms), 38 * ms, status}.add(td)
	hopSpan{trace, trace*10 + 4, trace*10 + 3, ptrace.SpanKindClient, "cart", "users", "/me", at.Add(5 * ms), 20 * ms, 200}.add(td)
	appSpan(td, trace, trace*10+5, trace*10+3, at.Add(3*ms))
	return td
}

// appSpan is a span that the app "cart" made with an SDK, a call to its database.
func appSpan(td ptrace.Traces, trace, id, parent uint64, at time.Time) {
	rs := td.ResourceSpans().AppendEmpty()
	workload(rs.Resource(), "cart", "cart-v1-1")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("pgx")
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(traceNo(trace))
	s.SetSpanID(spanNo(id))
	s.SetParentSpanID(spanNo(parent))
	s.SetKind(ptrace.SpanKindClient)
	s.SetName("SELECT items")
	s.SetStartTimestamp(stamp(at))
	s.SetEndTimestamp(stamp(at.Add(4 * time.Millisecond)))
	a := s.Attributes()
	a.PutStr("db.system.name", "postgresql")
	a.PutStr("server.address", "db.internal:5432")
	a.PutInt("db.rows", 17)
	a.PutDouble("db.cost", 1.5)
	a.PutBool("db.cached", false)
	a.PutStr("customer", fmt.Sprintf("c-%d", trace))
	a.PutEmptySlice("tables").AppendEmpty().SetStr("items")
	e := s.Events().AppendEmpty()
	e.SetName("retry")
	e.SetTimestamp(stamp(at.Add(time.Millisecond)))
	e.Attributes().PutStr("why", "deadlock")
	l := s.Links().AppendEmpty()
	l.SetTraceID(traceNo(7777))
	l.SetSpanID(spanNo(7777))
}

// accessRecord adds a sidecar's access-log row.
func accessRecord(ld plog.Logs, trace uint64, at time.Time, status int) {
	rl := ld.ResourceLogs().AppendEmpty()
	workload(rl.Resource(), "web", "web-v1-1")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(signal.ScopeProxy)
	r := sl.LogRecords().AppendEmpty()
	r.SetEventName(signal.AccessLog)
	r.SetTimestamp(stamp(at))
	r.SetTraceID(traceNo(trace))
	r.SetSpanID(spanNo(trace))
	r.SetSeverityText("INFO")
	a := r.Attributes()
	a.PutStr(signal.KeyReporter, signal.Source)
	a.PutStr(signal.KeyPeer, "cart")
	a.PutStr(signal.KeyPeerVer, "v2")
	a.PutStr(signal.KeyMethod, "GET")
	a.PutStr(signal.KeyPath, "/items")
	a.PutStr(signal.KeyAuthority, "cart:8080")
	a.PutStr(signal.KeyRequestID, fmt.Sprintf("req-%d", trace))
	a.PutStr(signal.KeyFlags, "UF")
	a.PutStr(signal.KeyReason, "connect: connection refused")
	a.PutStr(signal.KeyTries, `[{"instance":"cart-v2-1","ms":1.5,"status":0}]`)
	a.PutBool(signal.KeyMTLS, true)
	a.PutInt(signal.KeyStatus, int64(status))
	a.PutInt(signal.KeyAttempts, 2)
	a.PutInt(signal.KeyBytesOut, 1234)
	a.PutDouble(signal.KeyDuration, 12.5)
}

// redPoint is one label set of a sidecar's second.
type redPoint struct {
	reporter, service, peer, instance string
	status                            int
	mtls                              bool
	flags                             string
	scale                             int32
	end                               time.Time
	durations                         []float64 // ms
	bytesOut                          int64
}

func (p redPoint) add(md pmetric.Metrics) {
	rm := md.ResourceMetrics().AppendEmpty()
	workload(rm.Resource(), p.service, p.service+"-v1-1")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(signal.ScopeRED)
	m := sm.Metrics().AppendEmpty()
	m.SetName(signal.RequestDuration)
	h := m.SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	dp := h.DataPoints().AppendEmpty()
	p.labels(dp.Attributes())
	dp.SetTimestamp(stamp(p.end))
	observe(dp, p.scale, p.durations)

	m = sm.Metrics().AppendEmpty()
	m.SetName(signal.ResponseBodySize)
	s := m.SetEmptySum()
	s.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	n := s.DataPoints().AppendEmpty()
	p.labels(n.Attributes())
	n.SetTimestamp(stamp(p.end))
	n.SetIntValue(p.bytesOut)
}

func (p redPoint) labels(a pcommon.Map) {
	a.PutStr(signal.KeyReporter, p.reporter)
	a.PutStr(signal.KeyPeer, p.peer)
	a.PutStr(signal.KeyPeerVer, "v2")
	a.PutStr(signal.KeyPeerInst, p.instance)
	a.PutStr(signal.KeyMethod, "GET")
	a.PutStr(signal.KeyFlags, p.flags)
	a.PutStr(signal.KeyProtocol, "http/1.1")
	a.PutBool(signal.KeyMTLS, p.mtls)
	a.PutInt(signal.KeyStatus, int64(p.status))
}
