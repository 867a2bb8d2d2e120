package emit

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCollector decodes what is posted to it, with the protobuf library that the
// encoder does without.
type fakeCollector struct {
	mu      sync.Mutex
	status  int    // answered; 0 is 200
	err     error  // returned instead of an answer
	answer  []byte // of a 200
	posts   int
	said    []signal.Statement
	traces  []*coltrace.ExportTraceServiceRequest
	logs    []*collogs.ExportLogsServiceRequest
	metrics []*colmetrics.ExportMetricsServiceRequest
}

// RoundTrip makes a fakeCollector a client's transport.
func (f *fakeCollector) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.posts++
	said, err := signal.ParseStatement(r.Header.Get(signal.StatementHeader))
	if err != nil {
		return nil, err
	}
	f.said = append(f.said, said)
	if f.err != nil {
		return nil, f.err
	}
	status := http.StatusOK
	if f.status != 0 {
		status = f.status
	} else if err := f.take(r); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status),
		Body: io.NopCloser(bytes.NewReader(f.answer)), Request: r,
	}, nil
}

func (f *fakeCollector) set(status int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.err = status, err
}

func (f *fakeCollector) take(r *http.Request) error {
	if got := r.Header.Get("Content-Type"); got != "application/x-protobuf" {
		return fmt.Errorf("content type %q", got)
	}
	packed, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	body, err := s2.Decode(nil, packed)
	if err != nil {
		return err
	}
	switch r.URL.Path {
	case "/v1/traces":
		f.traces = append(f.traces, &coltrace.ExportTraceServiceRequest{})
		return proto.Unmarshal(body, f.traces[len(f.traces)-1])
	case "/v1/logs":
		f.logs = append(f.logs, &collogs.ExportLogsServiceRequest{})
		return proto.Unmarshal(body, f.logs[len(f.logs)-1])
	case "/v1/metrics":
		f.metrics = append(f.metrics, &colmetrics.ExportMetricsServiceRequest{})
		return proto.Unmarshal(body, f.metrics[len(f.metrics)-1])
	}
	return fmt.Errorf("path %q", r.URL.Path)
}

func (f *fakeCollector) spans() (out []*tracepb.Span) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, req := range f.traces {
		for _, r := range req.GetResourceSpans() {
			for _, s := range r.GetScopeSpans() {
				out = append(out, s.GetSpans()...)
			}
		}
	}
	return out
}

func (f *fakeCollector) rows() (out []*logspb.LogRecord) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, req := range f.logs {
		for _, r := range req.GetResourceLogs() {
			for _, s := range r.GetScopeLogs() {
				out = append(out, s.GetLogRecords()...)
			}
		}
	}
	return out
}

// points are the duration histograms' and the number of points of the sums.
func (f *fakeCollector) points() (histograms []*metricspb.ExponentialHistogramDataPoint, sums int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, req := range f.metrics {
		for _, r := range req.GetResourceMetrics() {
			for _, s := range r.GetScopeMetrics() {
				for _, m := range s.GetMetrics() {
					histograms = append(histograms, m.GetExponentialHistogram().GetDataPoints()...)
					sums += len(m.GetSum().GetDataPoints())
				}
			}
		}
	}
	return histograms, sums
}

// attrs flattens attributes for comparing.
func attrs(kvs []*commonpb.KeyValue) map[string]any {
	out := map[string]any{}
	for _, kv := range kvs {
		switch v := kv.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			out[kv.GetKey()] = v.StringValue
		case *commonpb.AnyValue_BoolValue:
			out[kv.GetKey()] = v.BoolValue
		case *commonpb.AnyValue_IntValue:
			out[kv.GetKey()] = v.IntValue
		case *commonpb.AnyValue_DoubleValue:
			out[kv.GetKey()] = v.DoubleValue
		}
	}
	return out
}

func testConfig() Config {
	return Config{
		Collector: "http://127.0.0.1:4318",
		Service:   "gateway", Namespace: "default", Version: "v1", Instance: "gateway-1",
	}
}

// newTestEmitter is an Emitter whose collector is f.
func newTestEmitter(c Config, f *fakeCollector) *Emitter {
	e := New(c, Deps{})
	e.sender.client.Transport = f
	return e
}

// request is a record of a request that went well.
func request() *Record {
	return &Record{
		Direction: Outbound, Start: time.Now(), Took: 12 * time.Millisecond, FirstByte: 11 * time.Millisecond,
		Waited: 3 * time.Millisecond, Received: 5 * time.Millisecond,
		Trace: Trace{ID: TraceID{15: 1}, Span: SpanID{7: 2}, Sampled: true}, ParentID: SpanID{7: 1},
		RequestID: "req-1", Method: "GET", Path: "/reviews/7", Authority: "reviews", UserAgent: "curl/8",
		Protocol: "http/1.1", Status: 200, GRPCStatus: -1, GeneratedBy: "app", Route: "default", ConfigVersion: 7,
		Peer: Peer{"reviews", "v2", "reviews-v2-1", "spiffe://mesh.local/ns/default/sa/reviews"},
		MTLS: true, BytesIn: 10, BytesOut: 200,
	}
}
