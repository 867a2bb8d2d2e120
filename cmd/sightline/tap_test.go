package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane"
	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy"
	"github.com/sightline-mesh/sightline/ui"
	"github.com/sightline-mesh/sightline/ui/session"
)

// smallMesh is a control plane, the API and two sidecars of this process: reviews, which
// calls ratings.
type smallMesh struct {
	*testing.T
	dir     string
	address string
	plane   *admin.Client
	ui      *ui.UI
	call    *http.Client // through the sidecar of reviews
	admin   string       // page of that sidecar
}

func newSmallMesh(t *testing.T) *smallMesh {
	t.Helper()
	m := &smallMesh{T: t, dir: t.TempDir()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.address = l.Addr().String()
	cfg := controlplane.DefaultConfig(filepath.Join(m.dir, "controlplane"))
	cfg.Listen = m.address
	cp, err := controlplane.New(cfg, controlplane.Deps{Listener: l})
	if err != nil {
		t.Fatal(err)
	}
	m.run("control plane", cp.Run)
	select {
	case <-cp.Ready():
	case <-time.After(patience):
		t.Fatal("the control plane is not ready")
	}
	b, err := os.ReadFile(filepath.Join(cfg.Dir, controlplane.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	source, err := identity.Open(t.Context(), identity.Config{
		ControlPlane: m.address, Token: strings.TrimSpace(string(b)),
		Workload: identity.Workload{Service: "ui", Namespace: mesh.SystemNamespace, Instance: "ui-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.plane = admin.NewClient(m.address, source.ClientTLS(source.ControlPlane()))
	t.Cleanup(m.plane.Close)
	m.ui, err = ui.New(t.Context(), ui.Config{Listen: "127.0.0.1:0", Dir: filepath.Join(m.dir, "ui")},
		ui.Deps{Tap: m.plane.Tap, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	m.run("ui", m.ui.Run)
	m.sidecar("ratings", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session=secret")
		if r.URL.Path == "/fail" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	at := m.sidecar("reviews", http.NotFoundHandler())
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: at.Outbound})}
	t.Cleanup(transport.CloseIdleConnections)
	m.admin = at.Admin
	m.call = &http.Client{Transport: transport, Timeout: patience}
	m.eventually("ratings is reached", func() bool { return m.get("/", "") == http.StatusOK })
	return m
}

func (m *smallMesh) run(what string, run func(context.Context) error) {
	m.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(m.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	m.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			m.Errorf("%s: %v", what, err)
		}
	})
}

// place is where a sidecar listens.
type place struct{ Outbound, Admin string }

func (m *smallMesh) sidecar(service string, app http.Handler) place {
	m.Helper()
	server := httptest.NewServer(app)
	m.Cleanup(server.Close)
	token, err := m.plane.CreateToken(m.Context(), admin.TokenRequest{By: "test"})
	if err != nil {
		m.Fatal(err)
	}
	c := proxy.Default()
	c.Service, c.Version, c.Instance = service, "v1", service+"-v1-1"
	c.ControlPlane, c.Token, c.Collector, c.Dir = m.address, token, proxy.NoCollector, filepath.Join(m.dir, service)
	c.Outbound, c.Inbound, c.Admin = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	c.Drain = time.Second
	c.Ports = []mesh.Port{{Number: uint16(server.Listener.Addr().(*net.TCPAddr).Port)}}
	p, err := proxy.New(m.Context(), c, proxy.Deps{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		m.Fatal(err)
	}
	m.run("sidecar of "+service, p.Run)
	select {
	case <-p.Ready():
	case <-time.After(patience):
		m.Fatalf("the sidecar of %s is not ready", service)
	}
	p.SetState(mesh.Ready)
	return place{p.Place().Outbound, p.Admin().String()}
}

func (m *smallMesh) get(path, authorization string) int {
	m.Helper()
	r, err := http.NewRequestWithContext(m.Context(), http.MethodGet, "http://ratings"+path, nil)
	if err != nil {
		m.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	res, err := m.call.Do(r)
	if err != nil {
		m.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// told is how many requests the sidecar of reviews has told of, "" if it does not say.
func (m *smallMesh) told() string {
	m.Helper()
	r, err := http.NewRequestWithContext(m.Context(), http.MethodGet, "http://"+m.admin+"/metrics", nil)
	if err != nil {
		m.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		m.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		m.Fatal(err)
	}
	_, count, _ := strings.Cut(string(page), "sightline_tapped_total{outcome=\"told\"} ")
	count, _, _ = strings.Cut(count, "\n")
	return count
}

func (m *smallMesh) eventually(what string, ok func() bool) {
	m.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(end) {
			m.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// command runs a command of the program while traffic goes on.
func (m *smallMesh) command(args ...string) (out, problems string, err error) {
	m.Helper()
	root := newRoot()
	var stdout, stderr bytes.Buffer
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(append(args, "--server", m.ui.URL(), "--token-file", filepath.Join(m.dir, "ui", session.TokenFile)))
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(m.Context()) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err = <-done:
			return stdout.String(), stderr.String(), err
		case <-tick.C:
			m.get("/stars?token=secret", "Bearer secret")
			m.get("/fail", "")
		}
	}
}

func TestTapShowsWhatWasAskedFor(t *testing.T) {
	m := newSmallMesh(t)
	out, _, err := m.command("tap", "reviews", "--to", "ratings", "--method", "get", "--path", "/stars", "--status", "2xx", "-n", "3", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		var r mesh.Tapped
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Instance != "reviews-v1-1" || r.Direction != "outbound" || r.PeerInstance != "ratings-v1-1" || r.Path != "/stars?token=REDACTED" ||
			r.Status != 200 || !r.MTLS || r.Took <= 0 || r.FirstByte <= 0 || r.TraceID == "" || r.Failed {
			t.Errorf("got %+v", r)
		}
		if !slices.Contains(r.Request, mesh.Header{Name: "authorization", Value: "REDACTED"}) ||
			!slices.Contains(r.Response, mesh.Header{Name: "set-cookie", Value: "REDACTED"}) {
			t.Errorf("headers %v, %v", r.Request, r.Response)
		}
	}
	if n := strings.Count(out, "\n"); n != 3 || strings.Contains(out, "secret") {
		t.Errorf("%d lines, want 3 without a secret:\n%s", n, out)
	}
	out, _, err = m.command("tap", "ratings:v1", "--from", "reviews", "--status", "500", "-n", "1", "-o", "wide")
	if want := "inbound reviews-v1-1 -> ratings-v1-1 GET /fail 500"; err != nil || !strings.Contains(out, want) || !strings.Contains(out, "mtls=true") {
		t.Errorf("got %q, %v, want %q in it", out, err, want)
	}
	out, problems, err := m.command("tap", "reviews", "--max-rps", "1", "--for", "2500ms")
	if n := strings.Count(out, "\n"); err != nil || n < 1 || n > 5 || !strings.Contains(problems, "beyond --max-rps") {
		t.Errorf("%d lines in 2.5 s at 1 per second; %q, %v", n, problems, err)
	}
	events, err := m.plane.Events(t.Context(), admin.EventQuery{Limit: 10, Service: "reviews"})
	if err != nil || !slices.ContainsFunc(events, func(e mesh.Event) bool { return e.Summary == "taps requests of reviews" && e.By != "" }) {
		t.Errorf("the timeline does not say who looked: %v, %v", events, err)
	}
	m.eventually("the sidecar tells no more when nobody looks", func() bool {
		before := m.told()
		m.get("/stars", "")
		return before != "" && m.told() == before
	})
}

func TestTapOfNobody(t *testing.T) {
	m := newSmallMesh(t)
	out, problems, err := m.command("tap", "details", "--for", "1s")
	if err != nil || out != "" || !strings.Contains(problems, "no sidecar of details is connected") {
		t.Errorf("got %q, %q, %v", out, problems, err)
	}
	for want, args := range map[string][]string{
		"status: is":                         {"tap", "reviews", "--status", "teapot"},
		"maxRps":                             {"tap", "reviews", "--max-rps", "100000"},
		"want text, wide":                    {"tap", "reviews", "-o", "yaml"},
		"service[:version]":                  {"tap", "re views"},
		"--from and --to exclude each other": {"tap", "reviews", "--to", "a", "--from", "b"},
		"want `sightline top service[:version][/instance]`": {"top"},
		"want text, json":        {"top", "reviews", "-o", "xml", "--for", "100ms"},
		"path: is":               {"tap", "reviews", "--path", "stars"},
		"is no parameter":        nil,
		"there is no flag --hub": {"tap", "reviews", "--hub"},
	} {
		if args == nil {
			continue
		}
		if _, _, err := m.command(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q in it", args, err, want)
		}
	}
}

func TestTopCounts(t *testing.T) {
	m := newSmallMesh(t)
	out, _, err := m.command("top", "reviews", "--to", "ratings", "--paths", "--for", "2s", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []topRow
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatal(err)
	}
	success := map[string]float64{}
	for _, r := range rows {
		success[r.Route] = r.Success
		if r.Source != "reviews-v1-1" || r.Target != "ratings-v1-1" || r.Requests == 0 || r.Best > r.Median || r.Median > r.Worst || r.Best <= 0 {
			t.Errorf("row %+v", r)
		}
	}
	if len(rows) != 2 || success["/stars?token=REDACTED"] != 1 || success["/fail"] != 0 {
		t.Errorf("got %v", success)
	}
}

func TestTopTableIsBounded(t *testing.T) {
	table := &topTable{rows: map[topKey]*topRow{}}
	for i := range 3 * maxTopRows {
		table.add(&mesh.Tapped{Instance: "a", Peer: "b", Path: fmt.Sprintf("/%d", i), Took: time.Duration(i)})
	}
	rows := table.sorted()
	if len(rows) != maxTopRows+1 || rows[0].Route != "other" || rows[0].Requests != 2*maxTopRows || len(table.rows[rows[0].topKey].times) != maxTopTimes {
		t.Errorf("%d rows, the first %+v", len(rows), rows[0].topKey)
	}
}

func TestTappedTextDoesNotSteerTheTerminal(t *testing.T) {
	line := tapText(&mesh.Tapped{Path: "/\x1b[2J\u009b", Request: []mesh.Header{{Name: "a", Value: "\x07"}}})
	if strings.ContainsAny(line, "\x1b\x07\u009b") {
		t.Errorf("%q", line)
	}
}
