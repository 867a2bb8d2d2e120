package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/admit"
	"github.com/sightline-mesh/sightline/collector/limits"
)

const (
	notUTF8 = "caf\xe9"
	goodBad = `1 of 2 spans rejected: span "caf\xe9" (trace , span ): name is not UTF-8`
)

// httpTo is a client of a socket.
func httpTo(t *testing.T, socket string) *http.Client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// told is an answer over HTTP.
type told struct {
	code   int
	header http.Header
	body   []byte
}

const protobuf, text = "application/x-protobuf", "application/json"

// tell posts a body for a tenant, "" for none.
func tell(t *testing.T, c *http.Client, path, tenant string, body []byte) told {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://collector"+path, bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", protobuf)
	if body[0] == '{' || body[0] == '[' {
		req.Header.Set("Content-Type", text)
	}
	if tenant != "" {
		req.Header.Set(orgID, tenant)
	}
	resp, err := c.Do(req)
	must(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(t, err)
	return told{resp.StatusCode, resp.Header, answer}
}

func TestPartialSuccessOverGRPC(t *testing.T) {
	r := start(t, testConfig(t, t.TempDir()))
	resp, err := r.client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(spans("good", notUTF8)))
	must(t, err)
	if got := resp.PartialSuccess(); got.RejectedSpans() != 1 || got.ErrorMessage() != goodBad {
		t.Errorf("%d rejected: %s", got.RejectedSpans(), got.ErrorMessage())
	}
	until(t, "the good one is stored", func() bool { return r.traces().Stored == 1 })
	if diff := cmp.Diff(map[string]int{"good": 1}, r.store.spans()); diff != "" {
		t.Error(diff)
	}
	if p := r.traces(); p.Received != 1 || p.Rejected["not-utf-8"] != 1 {
		t.Errorf("%+v", p)
	}
	err = r.send(t.Context(), notUTF8, notUTF8)
	if s := status.Convert(err); s.Code() != codes.InvalidArgument || !strings.Contains(s.Message(), "2 of 2 spans rejected: ") {
		t.Errorf("nothing good: %v", err)
	}
	if resp, err := r.client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(spans("good"))); err != nil || resp.PartialSuccess().ErrorMessage() != "" {
		t.Errorf("all good: %v %v", resp.PartialSuccess().ErrorMessage(), err)
	}
}

func TestPartialSuccessOverHTTP(t *testing.T) {
	c := testConfig(t, t.TempDir())
	r := start(t, c)
	client := httpTo(t, c.HTTPSocket)
	req := ptraceotlp.NewExportRequestFromTraces(spans("good", notUTF8))
	proto, err := req.MarshalProto()
	must(t, err)
	got := tell(t, client, "/v1/traces", "", proto)
	answer := ptraceotlp.NewExportResponse()
	if err := answer.UnmarshalProto(got.body); err != nil || got.code != http.StatusOK || answer.PartialSuccess().RejectedSpans() != 1 || answer.PartialSuccess().ErrorMessage() != goodBad {
		t.Errorf("%d %q: %v", got.code, got.body, err)
	}
	// JSON with a byte that no encoder of ours would write.
	got = tell(t, client, "/v1/traces", "", []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"good"},{"name":"caf`+"\xe9"+`"}]}]}]}`))
	var said struct {
		PartialSuccess struct{ RejectedSpans, ErrorMessage string }
	}
	if err := json.Unmarshal(got.body, &said); err != nil || got.header.Get("Content-Type") != text || said.PartialSuccess.RejectedSpans != "1" || said.PartialSuccess.ErrorMessage != goodBad {
		t.Errorf("%d %s: %v", got.code, got.body, err)
	}
	all, err := ptraceotlp.NewExportRequestFromTraces(spans(notUTF8)).MarshalProto()
	must(t, err)
	if got = tell(t, client, "/v1/traces", "", all); got.code != http.StatusBadRequest || !strings.Contains(string(got.body), "1 of 1 spans rejected") {
		t.Errorf("nothing good: %d %q", got.code, got.body)
	}
	until(t, "the good ones are stored", func() bool { return r.traces().Stored == 2 })
}

func TestPartialSuccessOfLogsAndMetrics(t *testing.T) {
	c := testConfig(t, t.TempDir())
	r := start(t, c)
	client := httpTo(t, c.HTTPSocket)
	conn := dial(t, c.GRPCSocket)
	t.Cleanup(func() { conn.Close() })
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().Body().SetStr("good")
	records.AppendEmpty().Body().SetStr(notUTF8)
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("up")
	m.SetEmptyGauge().DataPoints().AppendEmpty()
	m.Gauge().DataPoints().AppendEmpty().Attributes().PutStr("x", notUTF8)

	lr, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld))
	if err != nil || lr.PartialSuccess().RejectedLogRecords() != 1 || !strings.Contains(lr.PartialSuccess().ErrorMessage(), "body is not UTF-8") {
		t.Errorf("logs: %v %v", lr.PartialSuccess().ErrorMessage(), err)
	}
	mr, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(md))
	if err != nil || mr.PartialSuccess().RejectedDataPoints() != 1 || !strings.Contains(mr.PartialSuccess().ErrorMessage(), `metric "up": attribute "x" is not UTF-8`) {
		t.Errorf("metrics: %v %v", mr.PartialSuccess().ErrorMessage(), err)
	}
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	must(t, err)
	body = tell(t, client, "/v1/logs", "", body).body
	if err := lr.UnmarshalProto(body); err != nil || lr.PartialSuccess().RejectedLogRecords() != 1 {
		t.Errorf("logs over HTTP: %q %v", body, err)
	}
	body, err = pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	must(t, err)
	body = tell(t, client, "/v1/metrics", "", body).body
	if err := mr.UnmarshalProto(body); err != nil || mr.PartialSuccess().RejectedDataPoints() != 1 {
		t.Errorf("metrics over HTTP: %q %v", body, err)
	}
	until(t, "the good ones are stored", func() bool {
		return r.ledger.Accounting()[1].Stored == 2 && r.ledger.Accounting()[2].Stored == 2
	})
}

// Clients of Zipkin are told when to come again, and why.
func TestZipkinIsTold(t *testing.T) {
	c := testConfig(t, t.TempDir())
	c.ZipkinSocket = filepath.Join(filepath.Dir(c.GRPCSocket), "z")
	most := limits.Config{Tenants: map[string]limits.Rates{"claimed/slow": {Traces: limits.Rate{Items: 1, Burst: limits.Duration(time.Second)}}}}
	r := startLimited(t, c, most)
	client := httpTo(t, c.ZipkinSocket)
	const good = `[{"traceId":"0000000000000001","id":"0000000000000001","name":"good"}]`
	got := tell(t, client, "/api/v2/spans", "", []byte(good))
	if got.code != http.StatusAccepted {
		t.Errorf("%d %s", got.code, got.body)
	}
	for range 2 {
		got = tell(t, client, "/api/v2/spans", "slow", []byte(good))
	}
	if got.code != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" || !strings.Contains(string(got.body), `tenant "claimed/slow" sends more than 1 items of traces a second`) {
		t.Errorf("%d %v %s", got.code, got.header, got.body)
	}
	got = tell(t, client, "/api/v2/spans", "", []byte(strings.Replace(good, "good", notUTF8, 1)))
	if got.code != http.StatusBadRequest || string(got.body) != "body: byte 66 is not UTF-8; nothing of it is taken\n" {
		t.Errorf("%d %s", got.code, got.body)
	}
	until(t, "two are stored", func() bool { return r.traces().Stored == 2 })
}

// Where a protocol has no word for a request that is taken in part, the rest is taken and
// the answer is an error.
func TestNoWordForAPart(t *testing.T) {
	l := account.New()
	taken := &consumertest.TracesSink{}
	a := admitTraces{admission{admission: admit.New(limits.Default()), ledger: l}, taken}
	x := &exchange{}
	err := a.ConsumeTraces(context.WithValue(t.Context(), exchangeKey{}, x), spans("good", notUTF8))
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), goodBad) || x.failure == nil || taken.SpanCount() != 1 {
		t.Errorf("%v; %d taken", err, taken.SpanCount())
	}
	w := httptest.NewRecorder()
	to := &answer{ResponseWriter: w, exchange: x}
	to.WriteHeader(http.StatusInternalServerError)
	_, _ = to.Write([]byte("Internal Server Error"))
	if w.Code != http.StatusBadRequest || strings.TrimSpace(w.Body.String()) != goodBad {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if p := l.Accounting()[0]; p.Rejected["not-utf-8"] != 1 {
		t.Errorf("%+v", p)
	}
}

// A tenant that sends too fast is told when to come again, by each protocol's own words,
// and keeps nobody else from being taken.
func TestTooFast(t *testing.T) {
	c := testConfig(t, t.TempDir())
	slow := limits.Rate{Items: 10, Burst: limits.Duration(2 * time.Second)}
	most := limits.Config{Tenants: map[string]limits.Rates{"claimed/slow": {Traces: slow, Metrics: slow}}}
	r := startLimited(t, c, most)
	ctx := metadata.AppendToOutgoingContext(t.Context(), orgID, "slow")
	names := make([]string, 20)
	must(t, r.send(ctx, names...))
	err := r.send(ctx, names...)
	s := status.Convert(err)
	if !toComeAgain(err) || s.Code() != codes.ResourceExhausted || !strings.Contains(s.Message(), `tenant "claimed/slow" sends more than 10 items of traces a second; come again in 2s, or raise traces.items`) {
		t.Errorf("%v", err)
	}
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok && info.GetRetryDelay().AsDuration() != 2*time.Second {
			t.Errorf("come again in %v", info.GetRetryDelay().AsDuration())
		}
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(spans(names...)).MarshalProto()
	must(t, err)
	got := tell(t, httpTo(t, c.HTTPSocket), "/v1/traces", "slow", body)
	if got.code != http.StatusTooManyRequests || got.header.Get("Retry-After") != "2" {
		t.Errorf("%d, Retry-After %q", got.code, got.header.Get("Retry-After"))
	}
	must(t, r.send(t.Context(), "other"))
	p := r.traces()
	if p.Received != 21 || p.Refused != 40 || p.RefusedFor["tenant-items"] != 40 {
		t.Errorf("%+v", p)
	}
}

// The socket's name on the other side is the proof; what a sender with one says of itself
// is not asked.
func TestProvedSender(t *testing.T) {
	c := testConfig(t, t.TempDir())
	slow := limits.Rate{Items: 1, Burst: limits.Duration(time.Second)}
	r := startLimited(t, c, limits.Config{Tenants: map[string]limits.Rates{"shop": {Traces: slow}}})
	from := &net.Dialer{LocalAddr: &net.UnixAddr{Net: "unix", Name: SenderSocket(t.Name(), "shop")}}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return from.DialContext(ctx, "unix", c.HTTPSocket)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	body, err := ptraceotlp.NewExportRequestFromTraces(spans("a")).MarshalProto()
	must(t, err)
	for i, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		if got := tell(t, client, "/v1/traces", "other", body); got.code != want {
			t.Errorf("request %d: %d", i, got.code)
		}
	}
	must(t, r.send(metadata.AppendToOutgoingContext(t.Context(), orgID, "shop"), "b")) // claims, and is another
	for address, want := range map[string]string{
		SenderSocket("1", "shop"): "shop", "@": "", "": "", "@sightline-sender/": "", "@other/1/shop": "", "127.0.0.1:80": "",
	} {
		if got := provedBy(address); got != want {
			t.Errorf("%q proves %q", address, got)
		}
	}
}

// What the queue refuses comes again: its outcome must not be in the books twice.
func TestOutcomeOfWhatIsRefusedLater(t *testing.T) {
	r := start(t, testConfig(t, t.TempDir()), func(s *store) { s.away.Store(true) })
	names := make([]string, 30_000) // more than the queue holds
	names[0] = notUTF8
	if err := r.send(t.Context(), names...); !toComeAgain(err) {
		t.Fatalf("a full queue answers %v", err)
	}
	if p := r.traces(); len(p.Rejected) > 0 || p.Refused != uint64(len(names)-1) {
		t.Errorf("%+v", p)
	}
}

func TestAnswerThatCannotTell(t *testing.T) {
	err := tellRejected(struct{}{}, &exchange{rejected: 1, message: "1 of 2 spans rejected"})
	if status.Code(err) != codes.Internal || errors.Is(err, nil) || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("%v", err)
	}
}
