package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestControlPlaneAloneServesMetrics where it is told to.
func TestControlPlaneAloneServesMetrics(t *testing.T) {
	at := addresses(t)
	p := launch(t, options{}, "controlplane", "--dir", t.TempDir(), "--listen", at["listen"], "--metrics-listen", at["store-listen"])
	var page string
	p.await(t, "figures", func() bool {
		page = fetched(t, "http://"+at["store-listen"]+"/metrics")
		return strings.Contains(page, "sightline_controlplane_leader 1")
	})
	for _, want := range []string{"sightline_ca_certificate_seconds_left{", "sightline_store_request_duration_seconds_bucket{", "go_goroutines "} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if status := p.end(t); status != 0 {
		t.Errorf("status %d after SIGTERM, want 0; it said:\n%s", status, p.said())
	}
}

// TestTakenMetricsPort ends a control plane that was told to use it, and is a warning to
// one that was told nothing: another one may be on this machine.
func TestTakenMetricsPort(t *testing.T) {
	usual := "127.0.0.1:15014"
	if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", usual); err == nil { // else somebody has it already
		defer func() { _ = l.Close() }()
	}
	at := addresses(t)
	told := launch(t, options{}, "controlplane", "--dir", t.TempDir(), "--listen", at["listen"], "--metrics-listen", usual)
	if status, said := told.end(t), told.said(); status != 2 || !strings.Contains(said, "listen for metrics: ") {
		t.Errorf("status %d, want 2 and the reason; it said:\n%s", status, said)
	}
	untold := launch(t, options{}, "controlplane", "--dir", t.TempDir(), "--listen", at["listen"])
	untold.await(t, "a start all the same", func() bool { return strings.Contains(untold.said(), "control plane is ready") })
	if said := untold.said(); !strings.Contains(said, "no metrics are served") || !strings.Contains(said, "address already in use") {
		t.Errorf("no word on it:\n%s", said)
	}
}

// fetched is a page, empty while there is none.
func fetched(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}
