package jaeger

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/jaeger/apiv3"
	"github.com/sightline-mesh/sightline/collector/jaeger/expressionv1"
	"github.com/sightline-mesh/sightline/collector/jaeger/storagev2"
	"github.com/sightline-mesh/sightline/collector/signal"
)

var update = flag.Bool("update", false, "write the golden files anew")

const id = "000102030405060708090a0b0c0d0e0f"

var at = time.Unix(1_700_000_000, 0).UTC()

// memory answers from what is below, and remembers what it was asked.
type memory struct {
	search clickhouse.TraceSearch
	window signal.Window
	kind   string
}

func (m *memory) FindTraces(_ context.Context, q clickhouse.TraceSearch) (signal.TracePage, error) {
	m.search = q
	if q.Cursor == "broken" {
		return signal.TracePage{}, clickhouse.ErrBadQuery
	}
	return signal.TracePage{Traces: []signal.TraceSummary{{TraceID: id, Start: at, DurationNS: 5000}, {TraceID: strings.Repeat("f", 32)}}, Next: "more"}, nil
}

func (*memory) Spans(_ context.Context, asked string) ([]clickhouse.StoredSpan, error) {
	if asked != id {
		return nil, clickhouse.ErrNotFound
	}
	root := clickhouse.StoredSpan{
		Span: signal.Span{
			TraceID: id, SpanID: "0000000000000001", Name: "GET /", Kind: "server", Service: "web", Version: "v1", Start: at, DurationNS: 5000,
			Status: "error", StatusMessage: "refused",
			Attributes: map[string]any{"http.response.status_code": int64(503), "share": 0.5, "sightline.mtls": true, "url.path": "/"},
			Events:     []signal.SpanEvent{{Time: at.Add(time.Microsecond), Name: "retry", Attributes: map[string]any{"n": "1"}}},
		},
		Scope: "sightline.dev/proxy", TraceState: "a=b", Resource: map[string]any{"host.name": "n1"},
		Links: []clickhouse.SpanLink{{TraceID: strings.Repeat("e", 32), SpanID: "0000000000000009"}},
	}
	child := clickhouse.StoredSpan{Span: signal.Span{
		TraceID: id, SpanID: "0000000000000002", ParentID: "0000000000000001", Name: "select", Kind: "internal", Service: "cart",
		Start: at.Add(time.Microsecond), DurationNS: 2000, Status: "unset", Attributes: map[string]any{},
	}}
	return []clickhouse.StoredSpan{root, child}, nil
}

func (m *memory) Services(_ context.Context, w signal.Window) ([]string, error) {
	m.window = w
	return []string{"cart", "web"}, nil
}

func (m *memory) Operations(_ context.Context, _, kind string, _ signal.Window) ([]clickhouse.Operation, error) {
	m.kind = kind
	return []clickhouse.Operation{{Name: "GET /", Kind: "client"}, {Name: "GET /", Kind: "server"}, {Name: "select", Kind: "internal"}}, nil
}

func (m *memory) Dependencies(_ context.Context, w signal.Window) ([]clickhouse.Dependency, error) {
	m.window = w
	return []clickhouse.Dependency{{Parent: "web", Child: "cart", Calls: 1 << 40}}, nil
}

func newServer() (*Server, *memory) {
	m := &memory{}
	return New(Deps{Finder: m, Names: m, Callers: m, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return at }}), m
}

// TestHTTP has the answers that Jaeger's UI and Grafana's data source read, as they are
// on the wire.
func TestHTTP(t *testing.T) {
	s, _ := newServer()
	window := "query.start_time_min=2023-11-14T22:00:00Z&query.start_time_max=2023-11-15T01:00:00+01:00"
	var out strings.Builder
	for _, path := range []string{
		"/api/services", "/api/services/web/operations", "/api/operations?service=web&spanKind=server", "/api/traces?service=web&limit=1",
		"/api/traces/" + id, "/api/traces/abc", "/api/traces?traceID=" + id + "&traceID=abc", "/api/dependencies?endTs=1700000000000&lookback=3600000",
		"/api/traces?minDuration=5", "/api/traces?tags={", "/api/traces?start=x", "/api/operations",
		"/api/v3/services", "/api/v3/operations?service=web", "/api/v3/traces/" + id, "/api/v3/traces/abc", "/api/v3/traces?" + window,
		"/api/v3/traces", "/api/v3/traces?query.filter={}&" + window, "/api/v3/capabilities",
		"/api/v3/dependencies?start_time=2023-11-14T22:00:00Z&endTime=2023-11-14T23:00:00Z",
	} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		out.WriteString(path + "\n" + w.Result().Status + "\n" + spaceless(w.Body.String()) + "\n")
	}
	if *update {
		if err := os.WriteFile("testdata/http.golden", []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/http.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// spaceless is JSON without the spaces that protojson strews in at random.
func spaceless(s string) string { return strings.NewReplacer(`": `, `":`, `, "`, `,"`).Replace(s) }

func TestQuestions(t *testing.T) {
	s, m := newServer()
	ask := func(path string) string {
		t.Helper()
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return m.search.Filters[0].String()
	}
	tags := url.QueryEscape(`{"error":"true"}`)
	got := ask("/api/traces?service=web&operation=GET%20/&minDuration=5ms&maxDuration=1s&tags=" + tags + "&start=1&end=1700000000000000&limit=7")
	if want := `service = "web" AND name = "GET /" AND duration >= 5ms AND duration <= 1s AND status = "error"`; got != want {
		t.Errorf("v1 asks %s\nwant %s", got, want)
	}
	if m.search.Limit != 7 || !m.search.End.Equal(at) || m.search.Start.UnixMicro() != 1 {
		t.Errorf("v1 asks for %d from %v to %v", m.search.Limit, m.search.Start, m.search.End)
	}
	attributes := url.QueryEscape(`{"http.response.status_code":"503"}`)
	got = ask("/api/v3/traces?query.serviceName=web&query.durationMin=5ms&query.attributes=" + attributes +
		"&query.startTimeMin=2023-11-14T22:13:20%2B00:00&query.startTimeMax=2023-11-14T23:13:20+01:00")
	if want := `service = "web" AND duration >= 5ms AND http.response.status_code = 503`; got != want {
		t.Errorf("v3 asks %s\nwant %s", got, want)
	}
	if !m.search.Start.Equal(at) || !m.search.End.Equal(at) {
		t.Errorf("v3 asks from %v to %v, want %v: the + of an offset comes as a space", m.search.Start, m.search.End, at)
	}
	if got := ask("/api/traces?tag=span.kind:server"); got != `kind = "server"` {
		t.Errorf("a tag without a service asks %s", got)
	}
}

// writer is the end of what a Jaeger stores.
type writer struct {
	collectorv1.UnimplementedTraceServiceServer

	got *collectorv1.ExportTraceServiceRequest
}

func (w *writer) Export(_ context.Context, r *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	w.got = r
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

func dial(t *testing.T, w *writer) (*grpc.ClientConn, *memory) {
	t.Helper()
	s, m := newServer()
	l := bufconn.Listen(1 << 20)
	g := s.GRPC(func(authorization string, write bool) bool {
		return authorization == "Bearer writer" || authorization == "Bearer reader" && !write
	}, w)
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	c, err := grpc.NewClient("passthrough:///", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c, m
}

func as(t *testing.T, who string) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+who)
}

func TestGRPCQuery(t *testing.T) {
	c, m := dial(t, &writer{})
	q := apiv3.NewQueryServiceClient(c)
	ctx := as(t, "reader")
	stream, err := q.GetTrace(ctx, &apiv3.GetTraceRequest{TraceId: id})
	if err != nil {
		t.Fatal(err)
	}
	td, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if got := td.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]; got.GetName() != "GET /" || got.GetEndTimeUnixNano()-got.GetStartTimeUnixNano() != 5000 {
		t.Errorf("span %v", got)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the trace: %v", err)
	}
	ask := &apiv3.TraceQueryParameters{
		ServiceName: "web", Attributes: map[string]string{"a": "1"}, DurationMin: durationpb.New(time.Millisecond),
		StartTimeMin: timestamppb.New(at), StartTimeMax: timestamppb.New(at), Pagination: &apiv3.Pagination{PageSize: 2, PageToken: "t"},
	}
	summaries, err := q.FindTraceSummaries(ctx, &apiv3.FindTraceSummariesRequest{Query: ask})
	if err != nil {
		t.Fatal(err)
	}
	page, err := summaries.Recv()
	if err != nil {
		t.Fatal(err)
	}
	sum := page.GetSummaries()[0]
	if page.GetNextPageToken() != "more" || len(page.GetSummaries()) != 1 || sum.GetSpanCount() != 2 || sum.GetErrorSpanCount() != 1 ||
		sum.GetRootServiceName() != "web" || len(sum.GetServices()) != 2 || m.search.Cursor != "t" || m.search.Limit != 2 {
		t.Errorf("page %v; asked %+v", page, m.search)
	}
	if got, want := m.search.Filters[0].String(), `service = "web" AND duration >= 1ms AND a = 1`; got != want {
		t.Errorf("asks %s, want %s", got, want)
	}
	ops, err := q.GetOperations(ctx, &apiv3.GetOperationsRequest{Service: "web", SpanKind: "SERVER"})
	if err != nil || len(ops.GetOperations()) != 3 || m.kind != "server" {
		t.Errorf("operations %v, %v, of kind %q", ops, err, m.kind)
	}
	deps, err := q.GetDependencies(ctx, &apiv3.GetDependenciesRequest{StartTime: timestamppb.New(at), EndTime: timestamppb.New(at)})
	if err != nil || deps.GetDependencies()[0].GetCallCount() != 1<<40 {
		t.Errorf("dependencies %v, %v", deps, err)
	}
}

func TestGRPCRefuses(t *testing.T) {
	c, _ := dial(t, &writer{})
	q := apiv3.NewQueryServiceClient(c)
	find := func(ctx context.Context, p *apiv3.TraceQueryParameters) error {
		stream, err := q.FindTraces(ctx, &apiv3.FindTracesRequest{Query: p})
		if err == nil {
			_, err = stream.Recv()
		}
		return err
	}
	trace := func(asked string) error {
		stream, err := q.GetTrace(as(t, "reader"), &apiv3.GetTraceRequest{TraceId: asked})
		if err == nil {
			_, err = stream.Recv()
		}
		return err
	}
	_, services := q.GetServices(t.Context(), &apiv3.GetServicesRequest{})
	_, write := collectorv1.NewTraceServiceClient(c).Export(as(t, "reader"), &collectorv1.ExportTraceServiceRequest{})
	for name, c := range map[string]struct {
		err  error
		code codes.Code
	}{
		"nobody":         {services, codes.Unauthenticated},
		"nobody, stream": {find(t.Context(), &apiv3.TraceQueryParameters{}), codes.Unauthenticated},
		"reader writes":  {write, codes.Unauthenticated},
		"no query":       {find(as(t, "reader"), nil), codes.InvalidArgument},
		"filter":         {find(as(t, "reader"), &apiv3.TraceQueryParameters{Filter: &expressionv1.Call{Op: "eq"}}), codes.InvalidArgument},
		"empty page":     {find(as(t, "reader"), &apiv3.TraceQueryParameters{Pagination: &apiv3.Pagination{}}), codes.InvalidArgument},
		"broken cursor":  {find(as(t, "reader"), &apiv3.TraceQueryParameters{Pagination: &apiv3.Pagination{PageSize: 1, PageToken: "broken"}}), codes.InvalidArgument},
		"no trace":       {trace("abc"), codes.NotFound},
	} {
		if status.Code(c.err) != c.code {
			t.Errorf("%s: %v, want %v", name, c.err, c.code)
		}
	}
}

func TestGRPCStorage(t *testing.T) {
	w := &writer{}
	c, m := dial(t, w)
	r := storagev2.NewTraceReaderClient(c)
	ctx := as(t, "writer")
	stream, err := r.GetTraces(ctx, &storagev2.GetTracesRequest{Query: []*storagev2.GetTraceParams{{TraceId: rawID(strings.Repeat("f", 32))}, {TraceId: rawID(id)}}})
	if err != nil {
		t.Fatal(err)
	}
	td, err := stream.Recv()
	if err != nil || len(td.GetResourceSpans()) != 2 {
		t.Fatalf("trace %v, %v", td, err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the traces: %v", err)
	}
	found, err := r.FindTraceIDs(ctx, &storagev2.FindTraceIDsRequest{Query: &storagev2.TraceQueryParameters{
		SearchDepth: 3, Attributes: []*storagev2.KeyValue{{Key: "n", Value: &storagev2.AnyValue{Value: &storagev2.AnyValue_IntValue{IntValue: 5}}}},
	}})
	if err != nil || len(found.GetTraceIds()) != 2 || found.GetNextPageToken() != "" || found.GetTraceIds()[0].GetEnd().AsTime().Sub(at) != 5000 {
		t.Errorf("ids %v, %v", found, err)
	}
	want := filter.Comparison{Key: "n", Op: filter.Equal, Value: filter.NumberValue(5)}.String()
	if got := m.search.Filters[0].String(); got != want || m.search.Limit != 3 {
		t.Errorf("asks %s for %d, want %s for 3", got, m.search.Limit, want)
	}
	if _, err := collectorv1.NewTraceServiceClient(c).Export(ctx, &collectorv1.ExportTraceServiceRequest{}); err != nil || w.got == nil {
		t.Errorf("store: %v", err)
	}
	says, err := storagev2.NewCapabilitiesClient(c).GetCapabilities(ctx, &storagev2.GetCapabilitiesRequest{})
	if err != nil || !says.GetSearch().GetWithoutServiceName() || says.GetSearch().GetSpanSearch() {
		t.Errorf("capabilities %v, %v", says, err)
	}
}
