package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/topology/graph"
)

// tool finds a program that install-tools.sh put on the path or into the cache.
func tool(t *testing.T, name string) string {
	t.Helper()
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(cache, "sightline", "tools", name)
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%s is not installed: run loadtest/install-tools.sh", name)
	}
	return p
}

// logged waits for access-log rows or log records that a query finds.
func (m *mesh) logged(t *testing.T, query string, enough int) []signal.Log {
	t.Helper()
	var out struct{ Logs []signal.Log }
	m.await(t, 2*time.Minute, "logs of "+query, func() bool {
		m.get(t, "/api/v1/logs?limit=1000&"+query, &out)
		return len(out.Logs) >= enough
	})
	return out.Logs
}

// edge waits for an edge of the live graph.
func (m *mesh) edge(t *testing.T, source, destination string) graph.Edge {
	t.Helper()
	var found graph.Edge
	m.await(t, 2*time.Minute, source+" to call "+destination+" in the graph", func() bool {
		var g graph.Graph
		m.get(t, "/api/v1/graph", &g)
		at := slices.IndexFunc(g.Edges, func(e graph.Edge) bool { return e.Source == source && e.Destination == destination })
		if at >= 0 {
			found = g.Edges[at]
		}
		return at >= 0
	})
	return found
}

// TestClientsOfOthers sends traffic and telemetry with programs that no one here
// wrote; all of it is to be in graph, logs and traces.
func TestClientsOfOthers(t *testing.T) {
	m := startDemo(t, "--rps", "1")
	outbound := m.at["shipping:v1"].Outbound // shipping calls nobody by itself

	t.Run("curl", func(t *testing.T) {
		out, err := run(t, "curl", "-sS", "--fail", "-x", "http://"+outbound, "-H", "x-request-id: curl-was-here", "http://users/users/curl")
		if err != nil || !strings.Contains(out, `"curl"`) {
			t.Fatalf("curl: %v: %s", err, out)
		}
		rows := m.logged(t, "requestId=curl-was-here", 2)
		for _, row := range rows {
			if row.Status != 200 || row.TraceID == "" || row.Path != "/users/curl" {
				t.Errorf("row %+v, want status 200, the path and a trace", row)
			}
		}
		m.await(t, 2*time.Minute, "the trace with a span of each sidecar", func() bool {
			var trace struct{ Spans []signal.Span }
			err := m.api.Get(t.Context(), "/api/v1/traces/"+rows[0].TraceID, nil, &trace)
			return err == nil && len(trace.Spans) == 2
		})
		if e := m.edge(t, "shipping", "users"); e.MTLSShare != 1 {
			t.Errorf("edge %+v, want all of it over mutual TLS", e)
		}
	})
	t.Run("h2load", func(t *testing.T) {
		out, err := run(t, tool(t, "h2load"), "--h1", "-n", "2000", "-c", "8", "--connect-to", outbound, "http://catalog/products")
		if err != nil || !strings.Contains(out, "2000 succeeded, 0 failed, 0 errored, 0 timeout") {
			t.Fatalf("h2load: %v\n%s", err, out)
		}
		m.await(t, 2*time.Minute, "2,000 requests in the graph", func() bool {
			return m.edge(t, "shipping", "catalog").Requests >= 2000
		})
	})
	t.Run("grpcurl", func(t *testing.T) {
		out, err := run(t, tool(t, "grpcurl"), "-plaintext", "-authority", "ratings", "-d", `{"product":"abc"}`,
			outbound, "shop.ratings.v1.Ratings/Get")
		var got struct{ Stars int }
		if err != nil || json.Unmarshal([]byte(out), &got) != nil || got.Stars != 4 {
			t.Fatalf("grpcurl: %v: %s", err, out)
		}
		if out, err := run(t, tool(t, "grpcurl"), "-plaintext", "-authority", "ratings", "-d", `{"product":"a"}{"product":"bb"}`,
			outbound, "shop.ratings.v1.Ratings/Watch"); err != nil || strings.Count(out, "stars") != 2 {
			t.Fatalf("grpcurl streaming: %v: %s", err, out)
		}
		if e := m.edge(t, "shipping", "ratings"); e.Protocol != "grpc" {
			t.Errorf("edge %+v, want gRPC", e)
		}
		m.logged(t, "service=ratings&q="+url.QueryEscape("/shop.ratings.v1.Ratings/Watch"), 1)
	})
	t.Run("telemetrygen", m.telemetrygen)
}

// telemetrygen sends what an app's own SDK would.
func (m *mesh) telemetrygen(t *testing.T) {
	otlp := m.otlp
	out, err := run(t, tool(t, "telemetrygen"), "traces", "--otlp-insecure", "--otlp-endpoint", otlp, "--traces", "20", "--rate", "100", "--service", "generated")
	if err != nil {
		t.Fatalf("telemetrygen traces: %v\n%s", err, out)
	}
	if out, err := run(t, tool(t, "telemetrygen"), "logs", "--otlp-insecure", "--otlp-endpoint", otlp, "--logs", "20", "--rate", "100", "--service", "generated"); err != nil {
		t.Fatalf("telemetrygen logs: %v\n%s", err, out)
	}
	m.logged(t, "service=generated", 20)
	m.await(t, 2*time.Minute, "20 traces", func() bool {
		var page signal.TracePage
		m.get(t, "/api/v1/traces?service=generated&limit=100", &page)
		return len(page.Traces) == 20
	})
	m.edge(t, "generated", "telemetrygen-server")
}
