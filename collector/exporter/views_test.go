package exporter

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// TestContribViews asks as Grafana's data source does.
func TestContribViews(t *testing.T) {
	p, s, _ := startOn(t)
	at := recently()
	ld := plog.NewLogs()
	accessRecord(ld, 1, at, 503)
	if err := errors.Join(p.ConsumeTraces(t.Context(), fiveSpans(1, at, 503)), p.ConsumeLogs(t.Context(), ld)); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Query(t.Context(), `SELECT TraceId, SpanId, ParentSpanId, SpanKind, ServiceName, StatusCode, Duration, SpanAttributes, ResourceAttributes
		FROM otel_traces WHERE SpanKind = 'Client' AND ServiceName = 'web'
		AND Timestamp >= (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = 'ab000000000000000000000000000001')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	type span struct {
		TraceID, SpanID, ParentID, Kind, Service, Status string
		Duration                                         uint64
		Attributes, Resource                             map[string]string
	}
	var got []span
	for rows.Next() {
		var r span
		if err := rows.Scan(&r.TraceID, &r.SpanID, &r.ParentID, &r.Kind, &r.Service, &r.Status, &r.Duration, &r.Attributes, &r.Resource); err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want := []span{{
		TraceID: "ab000000000000000000000000000001", SpanID: "000000000000000c", ParentID: "000000000000000b",
		Kind: "Client", Service: "web", Status: "Error", Duration: uint64(40 * time.Millisecond),
		Attributes: map[string]string{
			signal.KeyPeer: "cart", signal.KeyPeerVer: "v2", signal.KeyPeerInst: "cart-v2-1", signal.KeyMethod: "GET",
			signal.KeyPath: "/items", signal.KeyProtocol: "http/1.1", signal.KeyRequestID: "req-1", signal.KeyMTLS: "true",
			signal.KeyStatus: "503", signal.KeyFlags: "UF,URX", signal.KeyReason: "connect: connection refused",
		},
		Resource: map[string]string{
			"host.name": "node-1", signal.KeyService: "web", signal.KeyNamespace: "default",
			signal.KeyVersion: "v1", signal.KeyInstance: "web-v1-1",
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if n := count(t, s, "SELECT count() FROM otel_logs WHERE LogAttributes['http.response.status_code'] = '503' AND Body LIKE 'GET /items 503%'"); n != 1 {
		t.Errorf("%d log rows, want 1", n)
	}
}
