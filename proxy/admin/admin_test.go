package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func page(d Deps) *httptest.Server { return httptest.NewServer(New(d).Handler()) }

func ask(t *testing.T, method, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, _ := io.ReadAll(res.Body)
	http.DefaultClient.CloseIdleConnections()
	return res.StatusCode, string(b)
}

func TestPages(t *testing.T) {
	notReady := errors.New("no certificate yet")
	drains := 0
	d := Deps{
		Ready:    func() error { return notReady },
		Metrics:  func() []Family { return []Family{Value("sightline_up", "Is it.", 1)} },
		Config:   func() any { return map[string]int{"version": 7} },
		Breakers: func() any { return []string{"admitting"} },
		Drain:    func() { drains++ },
	}
	s := page(d)
	defer s.Close()
	f := func(method, path string, code int, body string) {
		t.Helper()
		if gotCode, got := ask(t, method, s.URL+path); gotCode != code || !strings.Contains(got, body) {
			t.Errorf("%s %s = %d %q, want %d with %q", method, path, gotCode, got, code, body)
		}
	}
	f("GET", "/healthz", 200, "ok")
	f("GET", "/readyz", 503, "no certificate")
	notReady = nil
	f("GET", "/readyz", 200, "ready")
	f("GET", "/metrics", 200, "sightline_up 1")
	f("GET", "/config", 200, `"version": 7`)
	f("GET", "/breakers", 200, "admitting")
	f("GET", "/drain", 405, "")
	f("POST", "/drain", 202, "")
	f("GET", "/debug/pprof/", 404, "")
	if drains != 1 {
		t.Errorf("drained %d times, want once", drains)
	}
}

func TestProfilesAreBehindAFlag(t *testing.T) {
	s := page(Deps{Profiles: true})
	defer s.Close()
	if code, _ := ask(t, "GET", s.URL+"/debug/pprof/"); code != 200 {
		t.Errorf("pprof asked for = %d, want 200", code)
	}
}

func TestExposition(t *testing.T) {
	got := string(encode([]Family{
		{Name: "x_total", Help: "All x.", Samples: []Sample{
			{Labels: []Label{{"why", "b"}}, Value: 2},
			{Labels: []Label{{"why", "a\"\\\n"}, {"n", ""}}, Value: 1e9},
		}},
		Value("y", "Now.", 0.5),
	}))
	want := "# HELP x_total All x.\n# TYPE x_total counter\n" +
		`x_total{why="a\"\\\n",n=""} 1e+09` + "\n" + `x_total{why="b"} 2` + "\n" +
		"# HELP y Now.\n# TYPE y gauge\ny 0.5\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- New(Deps{}).Serve(ctx, l) }()
	if code, _ := ask(t, "GET", "http://"+l.Addr().String()+"/healthz"); code != 200 {
		t.Errorf("healthz = %d", code)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
