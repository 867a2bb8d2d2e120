package emit

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// sent is what a collector receives for records.
func sent(t *testing.T, c Config, records ...*Record) *fakeCollector {
	t.Helper()
	f := &fakeCollector{}
	synctest.Test(t, func(t *testing.T) {
		e := newTestEmitter(c, f)
		for _, r := range records {
			e.Emit(r)
		}
		start(t, e)()
	})
	return f
}

func TestSpan(t *testing.T) {
	r := request()
	r.Choice, r.PassedOver = "probe", "reviews-v2-2: tripped"
	f := sent(t, testConfig(), r)
	resource := f.traces[0].GetResourceSpans()[0]
	if diff := cmp.Diff(map[string]any{
		signal.KeyService: "gateway", signal.KeyNamespace: "default",
		signal.KeyVersion: "v1", signal.KeyInstance: "gateway-1",
	}, attrs(resource.GetResource().GetAttributes())); diff != "" {
		t.Errorf("resource: %s", diff)
	}
	if got := resource.GetScopeSpans()[0].GetScope().GetName(); got != signal.ScopeProxy {
		t.Errorf("scope %q", got)
	}
	s := f.spans()[0]
	if s.GetName() != "GET reviews" || s.GetKind() != v1.Span_SPAN_KIND_CLIENT || s.GetStatus() != nil {
		t.Errorf("span %q of kind %v, status %v", s.GetName(), s.GetKind(), s.GetStatus())
	}
	if [16]byte(s.GetTraceId()) != r.Trace.ID || [8]byte(s.GetSpanId()) != r.Trace.Span || [8]byte(s.GetParentSpanId()) != r.ParentID {
		t.Errorf("ids %x %x %x", s.GetTraceId(), s.GetSpanId(), s.GetParentSpanId())
	}
	if took := s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano(); took != uint64(r.Took) {
		t.Errorf("took %d ns", took)
	}
	if diff := cmp.Diff(map[string]any{
		signal.KeyReporter: "source", signal.KeyPeer: "reviews", signal.KeyPeerVer: "v2",
		signal.KeyPeerInst: "reviews-v2-1", signal.KeyPeerID: "spiffe://mesh.local/ns/default/sa/reviews",
		signal.KeyRoute: "default", signal.KeyMethod: "GET", signal.KeyPath: "/reviews/7",
		signal.KeyAuthority: "reviews", signal.KeyProtocol: "http/1.1", signal.KeyRequestID: "req-1",
		signal.KeyGenerated: "app", signal.KeyMTLS: true, signal.KeyStatus: int64(200), signal.KeyConfig: int64(7),
		signal.KeyChoice: "probe", signal.KeyPassedOver: "reviews-v2-2: tripped",
		signal.KeyWaited: 3.0, signal.KeyReceived: 5.0, signal.KeyFirstByte: 11.0,
	}, attrs(s.GetAttributes())); diff != "" {
		t.Errorf("attributes: %s", diff)
	}
}

// TestSecretsAreNotTold: neither the span nor the row of a request has the value of a
// secret parameter.
func TestSecretsAreNotTold(t *testing.T) {
	for _, c := range []struct {
		params []string
		want   string
	}{
		{nil, "/reviews?access_token=REDACTED&page=2"},
		{[]string{"page"}, "/reviews?access_token=REDACTED&page=REDACTED"},
		{[]string{}, "/reviews?access_token=eyJ&page=2"},
	} {
		r, cfg := request(), testConfig()
		r.Path, cfg.SecretParams = "/reviews?access_token=eyJ&page=2", c.params
		f := sent(t, cfg, r)
		span, row := attrs(f.spans()[0].GetAttributes()), attrs(f.rows()[0].GetAttributes())
		if span[signal.KeyPath] != c.want || row[signal.KeyPath] != c.want {
			t.Errorf("%v: span %v, row %v; want %s", c.params, span[signal.KeyPath], row[signal.KeyPath], c.want)
		}
	}
	r := request()
	r.Path = "/" + strings.Repeat("x", 1000) + "?token=" + strings.Repeat("s", 100)
	got := attrs(sent(t, testConfig(), r).rows()[0].GetAttributes())[signal.KeyPath].(string)
	if len(got) > maxPath || !strings.HasSuffix(got, "?token=REDACTED") {
		t.Errorf("long path: %d bytes, %q", len(got), got[len(got)-30:])
	}
}

func TestInboundFailureIsAServerSpanInError(t *testing.T) {
	r := request()
	r.Direction, r.Status, r.Flags, r.Reason = Inbound, 503, "UF", "the app refused the connection"
	r.Peer.Service = "frontend"
	s := sent(t, testConfig(), r).spans()[0]
	if s.GetKind() != v1.Span_SPAN_KIND_SERVER || s.GetName() != "GET gateway" {
		t.Errorf("span %q of kind %v", s.GetName(), s.GetKind())
	}
	if s.GetStatus().GetCode() != v1.Status_STATUS_CODE_ERROR || s.GetStatus().GetMessage() != r.Reason {
		t.Errorf("status %v", s.GetStatus())
	}
}

func TestSpanNames(t *testing.T) {
	tests := map[string]struct {
		change func(*Record)
		want   string
	}{
		"gRPC":            {func(r *Record) { r.Protocol, r.Path = "grpc", "/shop.Ratings/Get" }, "shop.Ratings/Get"},
		"invented method": {func(r *Record) { r.Method = "BREW" }, "_OTHER reviews"},
		"unknown service": {func(r *Record) { r.Peer = Peer{} }, "GET"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := request()
			tt.change(r)
			if got := sent(t, testConfig(), r).spans()[0].GetName(); got != tt.want {
				t.Errorf("name %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTriesAreSpansOfTheirOwn(t *testing.T) {
	r := request()
	r.Tries = []Try{
		{Instance: "reviews-v2-2", Took: time.Millisecond, Reason: "connection refused"},
		{Instance: "reviews-v2-1", Start: 2 * time.Millisecond, Took: 9 * time.Millisecond, Status: 200},
		{Instance: "reviews-v2-3", Start: 5 * time.Millisecond, Took: 6 * time.Millisecond, Reason: "hedge lost", Lost: true},
	}
	f := sent(t, testConfig(), r)
	spans := f.spans()
	if len(spans) != 4 {
		t.Fatalf("%d spans", len(spans))
	}
	seen := map[string]bool{}
	for i, s := range spans {
		seen[string(s.GetSpanId())] = true
		if i > 0 && [8]byte(s.GetParentSpanId()) != r.Trace.Span {
			t.Errorf("try %d has parent %x", i, s.GetParentSpanId())
		}
	}
	if len(seen) != 4 {
		t.Errorf("span ids are not distinct")
	}
	if spans[1].GetStatus().GetCode() != v1.Status_STATUS_CODE_ERROR || spans[2].GetStatus() != nil || spans[3].GetStatus() != nil {
		t.Errorf("statuses %v, %v, %v", spans[1].GetStatus(), spans[2].GetStatus(), spans[3].GetStatus())
	}
	got := attrs(f.rows()[0].GetAttributes())[signal.KeyTries]
	want := `[{"instance":"reviews-v2-2","ms":1,"status":0,"reason":"connection refused"},` +
		`{"instance":"reviews-v2-1","ms":9,"status":200},` +
		`{"instance":"reviews-v2-3","ms":6,"status":0,"reason":"hedge lost"}]`
	if got != want {
		t.Errorf("tries %v", got)
	}
}

func TestUnsampledHasARowButNoSpan(t *testing.T) {
	r := request()
	r.Trace.Sampled = false
	f := sent(t, testConfig(), r)
	if len(f.spans()) != 0 || len(f.rows()) != 1 {
		t.Errorf("%d spans, %d rows", len(f.spans()), len(f.rows()))
	}
}

func TestUnloggedHasASpanAndCountsButNoRow(t *testing.T) {
	logged, unlogged := request(), request()
	unlogged.Unlogged = true
	f := sent(t, testConfig(), unlogged, logged, unlogged)
	if len(f.spans()) != 3 || len(f.rows()) != 1 {
		t.Errorf("%d spans, %d rows", len(f.spans()), len(f.rows()))
	}
}

func TestKeptHasASpanThatIsNotSampled(t *testing.T) {
	r := request()
	r.Trace.Sampled, r.Kept = false, true
	f := sent(t, testConfig(), r)
	if len(f.spans()) != 1 || f.spans()[0].GetFlags() != 0 || f.rows()[0].GetFlags() != 0 || [16]byte(f.spans()[0].GetTraceId()) != r.Trace.ID {
		t.Errorf("%d spans of %d flags", len(f.spans()), f.rows()[0].GetFlags())
	}
}

func TestAccessLogRow(t *testing.T) {
	r := request()
	r.Status, r.Protocol, r.GRPCStatus = 200, "grpc", 14
	r.Choice, r.PassedOver = "probe", "reviews-v2-2: tripped"
	row := sent(t, testConfig(), r).rows()[0]
	if row.GetEventName() != signal.AccessLog || row.GetSeverityText() != "ERROR" {
		t.Errorf("event %q, severity %q", row.GetEventName(), row.GetSeverityText())
	}
	if [16]byte(row.GetTraceId()) != r.Trace.ID || row.GetFlags() != 1 {
		t.Errorf("trace %x, flags %d", row.GetTraceId(), row.GetFlags())
	}
	got := attrs(row.GetAttributes())
	for key, want := range map[string]any{
		signal.KeyGRPCStatus: int64(14), signal.KeyDuration: 12.0, signal.KeyFirstByte: 11.0,
		signal.KeyWaited: 3.0, signal.KeyReceived: 5.0,
		signal.KeyBytesIn: int64(10), signal.KeyBytesOut: int64(200), signal.KeyUserAgent: "curl/8",
		signal.KeyChoice: "probe", signal.KeyPassedOver: "reviews-v2-2: tripped",
	} {
		if got[key] != want {
			t.Errorf("%s = %v, want %v", key, got[key], want)
		}
	}
}

func TestTextThatIsNotUTF8IsReplaced(t *testing.T) {
	r := request()
	r.Path, r.UserAgent, r.Reason, r.Status = "/\xff", "\xc3\x28", "\xfe", 500
	f := sent(t, testConfig(), r) // the decoder refuses invalid strings
	if got := attrs(f.rows()[0].GetAttributes())[signal.KeyPath]; got != "/\uFFFD" {
		t.Errorf("path %q", got)
	}
}

func TestMillisecondsAreOfA1024th(t *testing.T) {
	for ns, want := range map[int64]float64{0: 0, 400: 0, 500: 1. / 1024, 1_287_422: 1 + 294./1024, 3_600_000_000_000: 3_600_000} {
		if got := milliseconds(ns); got != want {
			t.Errorf("%d ns: %v, want %v", ns, got, want)
		}
	}
}

func TestHistogramAgreesWithSignal(t *testing.T) {
	var want signal.Histogram
	var records []*Record
	for _, took := range []time.Duration{0, time.Microsecond, 900 * time.Microsecond, 12 * time.Millisecond, 13 * time.Millisecond, 3 * time.Second} {
		r := request()
		r.Took = took
		records = append(records, r)
		want.Observe(milliseconds(int64(took)))
	}
	f := sent(t, testConfig(), records...)
	points, sums := f.points()
	if len(points) != 1 || sums != 2 {
		t.Fatalf("%d histograms, %d sums", len(points), sums)
	}
	p := points[0]
	got := signal.Histogram{Count: p.GetCount(), Sum: p.GetSum(), Buckets: map[int16]uint64{}}
	for i, n := range p.GetPositive().GetBucketCounts() {
		if n > 0 {
			got.Buckets[int16(p.GetPositive().GetOffset())+int16(i)] = n
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
	if p.GetScale() != signal.DurationScale || p.GetMax() != 3000 || p.GetExemplars()[0].GetAsDouble() != 3000 {
		t.Errorf("point %v", p)
	}
}

func TestLabelSetsBeyondTheCapShareARow(t *testing.T) {
	c := testConfig()
	c.LabelSets = 2
	var records []*Record
	for i, route := range []string{"a", "b", "c", "d", "e"} {
		r := request()
		r.Route = route
		if i == 4 {
			r.Status = 503
		}
		records = append(records, r)
	}
	f := &fakeCollector{}
	e := newTestEmitter(c, f)
	for _, r := range records {
		e.Emit(r)
	}
	start(t, e)()
	if s := e.Stats(); s.LabelSets != 4 || s.LabelOverflow != 3 {
		t.Errorf("%d label sets, %d requests beyond the cap; want 4 with the shared, and 3", s.LabelSets, s.LabelOverflow)
	}
	points, _ := f.points()
	counts := map[string]uint64{}
	for _, p := range points {
		a := attrs(p.GetAttributes())
		key := a[signal.KeyRoute].(string)
		if a[signal.KeyStatus] == int64(500) {
			key += " failed"
		}
		counts[key] += p.GetCount()
	}
	want := map[string]uint64{"a": 1, "b": 1, signal.Overflow: 2, signal.Overflow + " failed": 1}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

func TestIdleLabelSetsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCollector{}
		e := newTestEmitter(testConfig(), f)
		stop := start(t, e)
		e.Emit(request())
		time.Sleep(11 * time.Minute)
		if got := e.Stats().LabelSets; got != 0 {
			t.Errorf("%d label sets", got)
		}
		if points, _ := f.points(); len(points) != 1 {
			t.Errorf("%d points for one request", len(points))
		}
		stop()
	})
}

func TestLabelsOwnTheirText(t *testing.T) {
	w := newRedWindow(10)
	buffer := []byte("first")
	r := request()
	r.Route = unsafe.String(&buffer[0], len(buffer)) // as a codec that reuses its buffer does
	w.countRecord(r)
	copy(buffer, "other")
	for l := range w.series {
		if l.route != "first" {
			t.Errorf("route became %q", l.route)
		}
	}
}

// However a row's shape was come by, what is sent is the same: the shapes of many rows
// take turns in few slots, and some are too large for any.
func TestShapesDoNotMixUpRows(t *testing.T) {
	var records []*Record
	want := map[string]int{}
	for i := range 3000 {
		r := request()
		r.Peer.Instance = fmt.Sprintf("reviews-%d", i*7%(3*shapeSlots))
		r.Status = 200 + i%3
		r.Reason = strings.Repeat("x", i%7*40)
		r.Choice = strings.Repeat("y", i%5*maxText/4)
		r.PassedOver = strings.Repeat("z", i%11*maxText/10)
		r.Authority = strings.Repeat("h", i%13*maxText/12)
		r.ClosedBy = strings.Repeat("c", i%2*maxText)
		r.UserAgent = fmt.Sprintf("agent-%d", i%5)
		r.Path = fmt.Sprintf("/%d", i)
		if i%4 == 0 {
			r.Protocol = "grpc"
		}
		records = append(records, r)
		want[described(r.Status, r.Path, r.Peer.Instance, r.Reason, r.Choice, r.PassedOver, r.Authority, r.Protocol)]++
	}
	c := testConfig()
	c.Buffer = 64 << 20
	f := sent(t, c, records...)
	spans, rows := map[string]int{}, map[string]int{}
	for _, s := range f.spans() {
		spans[told(s.GetAttributes())]++
		if path := attrs(s.GetAttributes())[signal.KeyPath]; s.GetName() != "GET reviews" && "/"+s.GetName() != path {
			t.Errorf("span %q of %s", s.GetName(), path)
		}
	}
	for _, r := range f.rows() {
		rows[told(r.GetAttributes())]++
	}
	if !maps.Equal(want, spans) || !maps.Equal(want, rows) {
		t.Errorf("%d different spans and %d different rows of %d requests are not what was emitted", len(spans), len(rows), len(want))
	}
	var counted uint64
	points, _ := f.points()
	for _, p := range points {
		counted += p.GetCount()
	}
	if counted != 3000 {
		t.Errorf("RED rows count %d requests", counted)
	}
}

// told describes a row or span by its attributes.
func told(kvs []*commonpb.KeyValue) string {
	a := attrs(kvs)
	var texts []string
	for _, key := range []string{
		signal.KeyPath, signal.KeyPeerInst, signal.KeyReason, signal.KeyChoice, signal.KeyPassedOver, signal.KeyAuthority, signal.KeyProtocol,
	} {
		text, _ := a[key].(string)
		texts = append(texts, text)
	}
	status, _ := a[signal.KeyStatus].(int64)
	return described(int(status), texts...)
}

func described(status int, texts ...string) string {
	return fmt.Sprint(status, strings.Join(texts, "|"))
}
