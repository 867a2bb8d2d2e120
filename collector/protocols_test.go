package collector

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/google/go-cmp/cmp"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	thriftjaeger "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/sightline-mesh/sightline/collector/jaeger"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
	"github.com/sightline-mesh/sightline/collector/zipkin"
)

// zipkinV2 is what an instrumented app sends, as the documentation of Zipkin's API has it.
const zipkinV2 = `[{
  "id": "352bff9a74ca9ad2", "traceId": "5af7183fb1d4cf5f", "parentId": "6b221d5bc9e6496c", "name": "get /api",
  "timestamp": %[1]d, "duration": 1431, "kind": "SERVER",
  "localEndpoint": {"serviceName": "backend", "ipv4": "192.168.99.1", "port": 3306},
  "remoteEndpoint": {"serviceName": "frontend", "ipv4": "172.19.0.2", "port": 58648},
  "tags": {"http.method": "GET", "http.path": "/api", "empty": ""},
  "annotations": [{"timestamp": %[2]d, "value": "ws"}]
}, {
  "id": "6b221d5bc9e6496c", "traceId": "5af7183fb1d4cf5f", "name": "get /", "timestamp": %[1]d, "duration": 2000, "kind": "CLIENT",
  "localEndpoint": {"serviceName": "frontend"}, "tags": {"error": "refused"}
}]`

const zipkinV1 = `[{
  "traceId": "463ac35c9f6413ad", "id": "463ac35c9f6413ad", "name": "old", "timestamp": %[1]d, "duration": 10,
  "annotations": [
    {"timestamp": %[1]d, "value": "cs", "endpoint": {"serviceName": "legacy", "ipv4": "127.0.0.1", "port": 8080}},
    {"timestamp": %[1]d, "value": "cr", "endpoint": {"serviceName": "legacy", "ipv4": "127.0.0.1", "port": 8080}}],
  "binaryAnnotations": [{"key": "http.path", "value": "/old", "endpoint": {"serviceName": "legacy", "ipv4": "127.0.0.1", "port": 8080}}]
}]`

// post sends a body and gives the answer's status.
func post(t *testing.T, u, contentType string, body []byte) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	contentType, zipped := strings.CutSuffix(contentType, "+gzip")
	if zipped {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r.Body = io.NopCloser(&b)
		r.ContentLength = int64(b.Len())
		r.Header.Set("Content-Encoding", "gzip")
	}
	r.Header.Set("Content-Type", contentType)
	r.Close = true
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func thriftBatch(t *testing.T, at time.Time) []byte {
	t.Helper()
	text, whole, yes := "x", int64(7), true
	batch := &thriftjaeger.Batch{
		Process: &thriftjaeger.Process{ServiceName: "thrifty", Tags: []*thriftjaeger.Tag{{Key: "ip", VType: thriftjaeger.TagType_STRING, VStr: &text}}},
		Spans: []*thriftjaeger.Span{{
			TraceIdLow: 0x77, TraceIdHigh: 1, SpanId: 3, OperationName: "thrift call", StartTime: at.UnixMicro(), Duration: 1000,
			Tags: []*thriftjaeger.Tag{
				{Key: "n", VType: thriftjaeger.TagType_LONG, VLong: &whole},
				{Key: "error", VType: thriftjaeger.TagType_BOOL, VBool: &yes},
				{Key: "blob", VType: thriftjaeger.TagType_BINARY, VBinary: []byte{0, 255}},
			},
		}},
	}
	b, err := thrift.NewTSerializer().Write(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOtherProtocols has real payloads of Zipkin's and Jaeger's clients end as answers of
// the two's own query APIs.
func TestOtherProtocols(t *testing.T) {
	dsn, err := url.Parse(storetest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	dsn.Path = "/sightline"
	col, _ := start(t, Config{
		Dir: t.TempDir(), Store: dsn.String(), Zipkin: "127.0.0.1:0", JaegerGRPC: "127.0.0.1:0", JaegerHTTP: "127.0.0.1:0",
	})
	at := time.Now().UTC().Truncate(time.Second).Add(-time.Minute)
	micros := at.UnixMicro()
	zip, thrifty := "http://"+col.Address(Zipkin).String(), "http://"+col.Address(JaegerHTTP).String()+"/api/traces"
	for name, got := range map[string]int{
		"zipkin v2": post(t, zip+"/api/v2/spans", "application/json+gzip", fmt.Appendf(nil, zipkinV2, micros, micros+100)),
		"zipkin v1": post(t, zip+"/api/v1/spans", "application/json", fmt.Appendf(nil, zipkinV1, micros)),
		"thrift":    post(t, thrifty, "application/vnd.apache.thrift.binary", thriftBatch(t, at)),
	} {
		if got != http.StatusAccepted {
			t.Errorf("%s: status %d", name, got)
		}
	}
	for name, got := range map[string]int{
		"no JSON":           post(t, zip+"/api/v2/spans", "application/json", []byte(`[{"id":`)),
		"too long":          post(t, zip+"/api/v2/spans", "application/json", append([]byte("["), bytes.Repeat([]byte(" "), 21<<20)...)),
		"no Thrift":         post(t, thrifty, "application/x-thrift", []byte{0xff, 1}),
		"Thrift, unlabeled": post(t, thrifty, "application/json", thriftBatch(t, at)),
	} {
		if got != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, got)
		}
	}
	conn, err := grpc.NewClient(col.Address(JaegerGRPC).String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	span := &model.Span{
		TraceID: model.NewTraceID(2, 0x88), SpanID: model.NewSpanID(4), OperationName: "grpc call", StartTime: at, Duration: time.Millisecond,
		Tags: []model.KeyValue{model.Float64("share", 0.5), model.String("span.kind", "server")},
		Logs: []model.Log{{Timestamp: at, Fields: []model.KeyValue{model.String("event", "retry"), model.Int64("n", 2)}}},
	}
	client := api_v2.NewCollectorServiceClient(conn)
	send := func(s ...*model.Span) error {
		_, err := client.PostSpans(t.Context(), &api_v2.PostSpansRequest{Batch: model.Batch{Spans: s, Process: model.NewProcess("modern", nil)}})
		return err
	}
	if err := send(span); err != nil {
		t.Fatal(err)
	}
	long := *span
	long.OperationName = strings.Repeat("x", 21<<20)
	if err := send(&long); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message of 21 MiB: %v", err)
	}
	until(t, col, "all is stored", func() bool {
		return col.Accounting()[0].Stored+col.Accounting()[1].Stored+col.Accounting()[2].Stored == 5
	})
	checkAnswers(t, col)
}

func checkAnswers(t *testing.T, col *Collector) {
	t.Helper()
	s, err := col.connection.store()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	z := zipkin.New(zipkin.Deps{Finder: s, Names: s, Callers: s, Attributes: s, Logger: log}).Handler()
	j := jaeger.New(jaeger.Deps{Finder: s, Names: s, Callers: s, Logger: log}).Handler()
	get := func(h http.Handler, path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return fmt.Sprintf("%d %s", w.Code, strings.TrimSpace(w.Body.String()))
	}
	for path, want := range map[string]string{
		"services":                         `200 ["backend","frontend","legacy","modern","thrifty"]`,
		"spans?serviceName=backend":        `200 ["get /api"]`,
		"spans":                            `400 bad query: parameter serviceName is ""; want the name of a service`,
		"autocompleteValues?key=http.path": `200 ["/api","/old"]`,
		"trace/ff":                         `404 trace 000000000000000000000000000000ff: not found`,
		"trace/no":                         `400 bad query: trace id "no": want 32 hex digits`,
		"traces?serviceName=nobody":        `200 []`,
		"traces?annotationQuery=%3Da":      `400 bad query: parameter annotationQuery is "=a"; want key=value or key, with and between them`,
		"dependencies":                     `400 bad query: parameter endTs is ""; want milliseconds since 1970`,
		"traceMany?traceIds=ff,fe":         `200 []`,
	} {
		if got := get(z, "/api/v2/"+path); got != want {
			t.Errorf("%s: %s\nwant %s", path, got, want)
		}
	}
	if got := get(z, "/api/v2/autocompleteKeys"); !strings.Contains(got, `"http.path"`) {
		t.Errorf("keys: %s", got)
	}
	if got := get(z, fmt.Sprintf("/api/v2/dependencies?endTs=%d", time.Now().Add(time.Minute).UnixMilli())); !strings.HasPrefix(got, "200 [") {
		t.Errorf("dependencies: %s", got)
	}
	for query, want := range map[string]string{
		"serviceName=backend&spanName=get+/api&minDuration=1000&maxDuration=2000": "5af7183fb1d4cf5f",
		"annotationQuery=ws+and+http.path%3D/api":                                 "5af7183fb1d4cf5f",
		"annotationQuery=error&serviceName=frontend":                              "5af7183fb1d4cf5f",
		"annotationQuery=share%3D0.5":                                             "00000000000000020000000000000088",
		"serviceName=thrifty":                                                     "00000000000000010000000000000077",
		"annotationQuery=http.path%3D/old":                                        "463ac35c9f6413ad",
	} {
		var traces [][]struct{ TraceID string }
		got := get(z, "/api/v2/traces?"+query)
		if err := json.Unmarshal([]byte(got[4:]), &traces); err != nil || len(traces) != 1 || traces[0][0].TraceID != want {
			t.Errorf("%s: %s; want %s", query, got, want)
		}
	}
	checkZipkinSpan(t, get(z, "/api/v2/trace/5af7183fb1d4cf5f"))
	for id, wants := range map[string][]string{
		"20000000000000088": {`"grpc call"`, `{"key":"share","type":"float64","value":0.5}`, `"value":"retry"`, `"key":"span.kind","type":"string","value":"server"`},
		"10000000000000077": {`"thrift call"`, `{"key":"n","type":"int64","value":7}`, `{"key":"error","type":"bool","value":true}`, `"serviceName":"thrifty"`},
	} {
		got := get(j, "/api/traces/"+id)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("Jaeger's trace %s lacks %s:\n%s", id, want, got)
			}
		}
	}
}

// checkZipkinSpan holds a span that came as Zipkin's against what it was.
func checkZipkinSpan(t *testing.T, answer string) {
	t.Helper()
	type endpoint struct{ ServiceName, IPv4 string }
	type span struct {
		ID, TraceID, ParentID, Name, Kind string
		Duration                          int
		LocalEndpoint, RemoteEndpoint     endpoint
		Tags                              map[string]string
		Annotations                       []struct{ Value string }
	}
	var all []span
	if err := json.Unmarshal([]byte(answer[4:]), &all); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	for _, got := range all {
		if got.Name != "get /api" {
			continue
		}
		want := span{
			ID: "352bff9a74ca9ad2", TraceID: "5af7183fb1d4cf5f", ParentID: "6b221d5bc9e6496c", Name: "get /api", Kind: "SERVER", Duration: 1431,
			LocalEndpoint: endpoint{"backend", "192.168.99.1"}, RemoteEndpoint: endpoint{"frontend", "172.19.0.2"},
			Tags:        map[string]string{"http.method": "GET", "http.path": "/api", "empty": ""},
			Annotations: []struct{ Value string }{{"ws"}},
		}
		for k := range got.Tags {
			if _, ok := want.Tags[k]; !ok {
				delete(got.Tags, k) // what the two conventions add
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(all) != 2 {
			t.Errorf("%d spans (-want +got):\n%s", len(all), diff)
		}
		return
	}
	t.Errorf("no span of its name: %s", answer)
}
