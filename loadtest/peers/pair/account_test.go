package pair

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/loadtest/sink"
)

const page = `# HELP sightline_telemetry_acknowledged_total Taken by the collector, by signal.
# TYPE sightline_telemetry_acknowledged_total counter
sightline_telemetry_acknowledged_total{signal="logs"} 10
sightline_telemetry_acknowledged_total{signal="metrics"} 2
sightline_telemetry_acknowledged_total{signal="traces"} 11
sightline_telemetry_emitted_total{signal="logs"} 10
sightline_telemetry_queued{signal="logs"} 0
sightline_telemetry_dropped_total{signal="traces",reason="buffer full"} 3
sightline_push_connected 1
`

func at(s *httptest.Server) netip.AddrPort {
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// Both pages are read until nothing is under way on either.
func TestAccountsAddUpWhatHasArrived(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text := page
		if asked.Add(1) == 2 {
			text = strings.Replace(page, `queued{signal="logs"} 0`, `queued{signal="logs"} 4`, 1)
		}
		_, _ = w.Write([]byte(text))
	}))
	defer s.Close()
	got, err := accounts(at(s), at(s))(t.Context())
	want := Account{Rows: 20, Spans: 22, RED: 4, Dropped: map[string]uint64{"traces: buffer full": 6}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if asked.Load() != 4 {
		t.Errorf("asked %d times, want again after the second", asked.Load())
	}
}

func TestAccountsThatCannotBe(t *testing.T) {
	for want, h := range map[string]http.HandlerFunc{
		"404":          http.NotFound,
		"no telemetry": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1\n")) },
		"metrics: line": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Replace(page, "} 10", "} -10", 1)))
		},
	} {
		s := httptest.NewServer(h)
		ctx, cancel := context.WithCancel(t.Context())
		page, err := fetch(ctx, "http://"+at(s).String())
		if err == nil {
			_, err = new(Account{Dropped: map[string]uint64{}}).add(page)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		cancel()
		s.Close()
	}
}

func TestCountLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(strings.Repeat("row\n", 50_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := countLines(path); n != 50_000 || err != nil {
		t.Errorf("countLines = %d, %v", n, err)
	}
	if _, err := countLines(path + ".none"); err == nil {
		t.Error("a file that is not there has lines")
	}
}

// The sink takes what a client with a certificate posts, and nothing else.
func TestSink(t *testing.T) {
	certs, err := writeCertificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(certs.Root)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	load := func(l leafFiles) []tls.Certificate {
		c, err := tls.LoadX509KeyPair(l.Certificate, l.Key)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{c}
	}
	s, err := sink.Start(t.Context(), "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: load(certs.Callee), ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	for name, c := range map[string]struct {
		certificates []tls.Certificate
		ok           bool
	}{"with": {load(certs.Caller), true}, "without": {nil, false}} {
		tr := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: certs.Callee.Name, Certificates: c.certificates,
		}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+s.Address()+"/v1/traces", strings.NewReader("spans"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := tr.RoundTrip(req)
		if (err == nil && res.StatusCode == http.StatusOK) != c.ok {
			t.Errorf("%s a certificate: %v", name, err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
	}
}
