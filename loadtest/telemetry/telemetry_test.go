package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
	"github.com/sightline-mesh/sightline/proxy/emit"
)

// hop emits one request from gateway to reviews as both sidecars see it and returns
// its trace.
func hop(outbound, inbound emit.Sink, status int) emit.Trace {
	client := emit.NewTrace()
	r := emit.Record{
		Direction: emit.Outbound, Start: time.Now(), Took: 20 * time.Millisecond, FirstByte: 19 * time.Millisecond,
		Trace: client, RequestID: client.ID.String(), Method: "GET", Path: "/reviews/1", Authority: "reviews",
		Protocol: "http/1.1", Status: status, GRPCStatus: -1, GeneratedBy: "app", Route: "default",
		Peer: emit.Peer{Service: "reviews", Version: "v1", Instance: "reviews-1", Identity: "spiffe://mesh.local/ns/default/sa/reviews"},
		MTLS: true, BytesIn: 5, BytesOut: 50,
	}
	if status >= 500 {
		r.Flags, r.Reason = "URX", "two tries failed"
		r.Tries = []emit.Try{
			{Instance: "reviews-1", Took: 9 * time.Millisecond, Status: status},
			{Instance: "reviews-2", Start: 10 * time.Millisecond, Took: 10 * time.Millisecond, Status: status},
		}
	}
	outbound.Emit(&r)
	r.Direction, r.Trace, r.ParentID, r.Tries = emit.Inbound, client.Child(), client.Span, nil
	r.Took = 15 * time.Millisecond
	r.Peer = emit.Peer{Service: "gateway", Version: "v1", Instance: "gateway-1", Identity: "spiffe://mesh.local/ns/default/sa/gateway"}
	inbound.Emit(&r)
	return client
}

func TestFromSidecarToAnswer(t *testing.T) {
	mesh := newAuthority(t)
	store, dsn := openStore(t, storetest.Start(t))
	config := collector.Config{Dir: t.TempDir(), Store: dsn, GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0"}
	deps := collector.Deps{ServerTLS: mesh.server(t)}
	col, runningCollector := startCollector(t, config, deps)
	_, http := col.Addresses()
	config.HTTP = http.String() // where it comes back
	base := "https://" + http.String()
	gateway, runningGateway := startEmitter(t, "gateway", base, mesh.client(t))
	reviews, runningReviews := startEmitter(t, "reviews", base, mesh.client(t))

	begun := time.Now()
	const each = 300
	for range each {
		hop(gateway, reviews, 200)
	}
	until(t, "the first are received", func() bool { return col.Accounting()[0].Received >= 2*each })
	runningCollector.stop()
	for range each { // nobody listens
		hop(gateway, reviews, 200)
	}
	failed := hop(gateway, reviews, 503)
	col, _ = startCollector(t, config, deps)
	runningGateway.stop() // each sends what it has left
	runningReviews.stop()

	sent := gateway.Stats().Spans.Acknowledged + reviews.Stats().Spans.Acknowledged
	if want := uint64(2*(2*each+1) + 2); sent != want { // the failed request's tries have spans of their own
		t.Fatalf("%d spans acknowledged, want %d: %+v %+v", sent, want, gateway.Stats(), reviews.Stats())
	}
	until(t, "the queue is empty", func() bool {
		for _, p := range col.Accounting() {
			if p.Queued > 0 || p.Received == 0 {
				return false
			}
		}
		return true
	})

	if edges := edges(t, store, begun); len(edges) != 1 {
		t.Errorf("edges %+v", edges)
	} else if e := edges[0]; e.Requests != 2*each+1 || e.Failed != 1 || e.MTLS != e.Requests || e.Flags["URX"] != 1 {
		t.Errorf("edge %+v", e)
	} else if p50 := e.Durations.Quantile(0.5); p50 < 14 || p50 > 21 {
		t.Errorf("median %v ms", p50)
	}
	checkTrace(t, store, failed)
	checkLogs(t, store, failed)
}

func edges(t *testing.T, s *clickhouse.Store, since time.Time) (out []signal.Edge) {
	t.Helper()
	w := signal.Window{Start: since.Add(-2 * time.Second), End: time.Now().Add(2 * time.Second)}
	for e, err := range s.Edges(t.Context(), w) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// checkTrace wants the failed request's four spans: the caller's, its two tries', and
// the callee's below the caller's.
func checkTrace(t *testing.T, s *clickhouse.Store, trace emit.Trace) {
	t.Helper()
	spans, err := s.Trace(t.Context(), trace.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, span := range spans {
		kinds[span.Kind]++
		if !span.Mesh || span.Status != "error" {
			t.Errorf("span %+v", span)
		}
		if span.Kind != "client" && span.ParentID != trace.Span.String() {
			t.Errorf("span of kind %s has parent %q", span.Kind, span.ParentID)
		}
	}
	if kinds["client"] != 1 || kinds["server"] != 1 || kinds["internal"] != 2 {
		t.Errorf("kinds %v", kinds)
	}
}

// checkLogs wants the two rows of the failed request, found by its request id.
func checkLogs(t *testing.T, s *clickhouse.Store, trace emit.Trace) {
	t.Helper()
	page, err := s.Logs(t.Context(), signal.LogQuery{RequestID: trace.ID.String()})
	if err != nil {
		t.Fatal(err)
	}
	rows := page.Logs
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		if row.Status != 503 || row.Flags != "URX" || row.TraceID != trace.ID.String() || !strings.Contains(row.Reason, "tries") {
			t.Errorf("row %+v", row)
		}
	}
}

func TestStrangersAreRefused(t *testing.T) {
	mesh, other := newAuthority(t), newAuthority(t)
	config := collector.Config{Dir: t.TempDir(), Store: "http://127.0.0.1:1/none", GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0"}
	col, _ := startCollector(t, config, collector.Deps{ServerTLS: mesh.server(t)})
	_, http := col.Addresses()
	stranger := other.client(t)
	stranger.RootCAs = mesh.pool // it knows us; we do not know it
	e, running := startEmitter(t, "gateway", "https://"+http.String(), stranger)
	hop(e, e, 200)
	until(t, "the gate has refused it", func() bool {
		stats := col.Connections()["http"]
		return stats.RefusedTLS > 0
	})
	running.stop()
	if s := e.Stats().Spans; s.Acknowledged != 0 || s.Dropped[emit.DroppedShutdown] != 2 {
		t.Errorf("spans %+v", s)
	}
	if p := col.Accounting()[0]; p.Received != 0 {
		t.Errorf("received %+v", p)
	}
}
