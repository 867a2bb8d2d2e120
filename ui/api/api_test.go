package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/ui/api"
	"github.com/sightline-mesh/sightline/ui/api/apitest"
	"github.com/sightline-mesh/sightline/ui/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// site is an API over a made-up shop, and the ways to talk to it.
type site struct {
	t     *testing.T
	deps  api.Deps
	h     http.Handler
	api   *api.API
	token string
	keys  *session.Keeper
}

func open(t *testing.T, change ...func(*api.Deps)) *site {
	t.Helper()
	dir := t.TempDir()
	now := func() time.Time { return noon }
	keys, err := session.Open(session.Config{Dir: dir, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	d := apitest.New(now).Deps()
	d.Sessions, d.Logger = keys, slog.New(slog.DiscardHandler)
	d.App = fstest.MapFS{
		"index.html":         {Data: []byte("<!doctype html><title>app</title>")},
		"assets/app-1a2b.js": {Data: bytes.Repeat([]byte("let x = 1;\n"), 500)},
	}
	for _, f := range change {
		f(&d)
	}
	a, err := api.New(d)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, session.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	return &site{t: t, deps: d, h: a.Handler(), api: a, token: strings.TrimSpace(string(b)), keys: keys}
}

// do sends a request with the bearer token and any further headers ("Name: value").
func (s *site) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+s.token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w
}

func (s *site) get(target string, into any) *httptest.ResponseRecorder {
	s.t.Helper()
	w := s.do(http.MethodGet, target, "")
	if w.Code != http.StatusOK {
		s.t.Fatalf("GET %s = %d: %s", target, w.Code, w.Body)
	}
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			s.t.Fatalf("GET %s: %v in %s", target, err, w.Body)
		}
	}
	return w
}

func problemIn(t *testing.T, w *httptest.ResponseRecorder) api.Problem {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q of %d answer, want a problem: %s", got, w.Code, w.Body)
	}
	var p api.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("problem: %v in %s", err, w.Body)
	}
	if p.Status != w.Code || p.Title == "" {
		t.Errorf("problem %+v with status %d", p, w.Code)
	}
	return p
}

// surface is every route with a request that it serves.
func surface() [][3]string {
	return [][3]string{
		{"GET", "/api/v1/session", ""},
		{"POST", "/api/v1/session/link", ""},
		{"GET", "/api/v1/graph", ""},
		{"GET", "/api/v1/graph?at=2026-03-01T11:30:00Z&window=1m", ""},
		{"GET", "/api/v1/services", ""},
		{"GET", "/api/v1/services/payments", ""},
		{"GET", "/api/v1/traces?service=payments&minDuration=1ms&status=ok&limit=3", ""},
		{"GET", "/api/v1/traces/5197000000000000000000269c25cb08", ""},
		{"GET", "/api/v1/logs?service=cart&minStatus=200&limit=10", ""},
		{"GET", "/api/v1/logs?filter=service+%3D+cart&limit=10", ""},
		{"GET", "/api/v1/logs/histogram?filter=code+%3E%3D+500&bins=30", ""},
		{"GET", "/api/v1/attributes?of=logs&typed=se", ""},
		{"GET", "/api/v1/attributes/values?key=service&typed=ca&limit=5", ""},
		{"GET", "/api/v1/traces/heatmap?service=payments&columns=30&roots=true", ""},
		{"GET", "/api/v1/traces/deltas?service=payments&selected=status+%3D+error", ""},
		{"GET", "/api/v1/why/5197000000000000000000269c25cb08", ""},
		{"GET", "/api/v1/traffic", ""},
		{"GET", "/api/v1/traffic/reviews", ""},
		{"PUT", "/api/v1/traffic/reviews", `{"v1":50,"v2":50}`},
		{"POST", "/api/v1/traffic/reviews/undo", ""},
		{"GET", "/api/v1/breakers", ""},
		{"POST", "/api/v1/breakers/trip", `{"service":"reviews","version":"v3","reason":"a look"}`},
		{"GET", "/api/v1/events?kind=traffic&limit=5&service=reviews", ""},
		{"GET", "/api/v1/config?kind=VirtualService", ""},
		{"POST", "/api/v1/config?dryRun=true", "kind: VirtualService"},
		{"POST", "/api/v1/config/analyze", "kind: VirtualService"},
		{"GET", "/api/v1/config/analyze", ""},
		{"POST", "/api/v1/config/replay?limit=5&start=2026-03-01T11:00:00Z&end=2026-03-01T12:00:00Z", "kind: VirtualService"},
		{"GET", "/api/v1/config/history?limit=2&below=9", ""},
		{"GET", "/api/v1/config/history/1", ""},
		{"POST", "/api/v1/config/history/1/restore?dryRun=true", ""},
		{"DELETE", "/api/v1/config/VirtualService/default/reviews", ""},
		{"POST", "/api/v1/tokens", `{"ttl":"1h","uses":1}`},
		{"GET", "/api/v1/tokens", ""},
		{"DELETE", "/api/v1/tokens/0123456789ab", ""},
		{"GET", "/api/v1/ca", ""},
		{"GET", "/api/v1/ca/holders", ""},
		{"POST", "/api/v1/ca/rotate", `{"force":true}`},
		{"POST", "/api/v1/ca/revoke", `{"what":"1a2b","reason":"stolen"}`},
		{"GET", "/api/v1/slos", ""},
		{"GET", "/api/v1/alerts", ""},
		{"GET", "/api/v1/proxies", ""},
		{"DELETE", "/api/v1/unreadable?table=streams&key=web-1", ""},
		{"GET", "/api/v1/pipeline", ""},
	}
}

func TestEveryRouteServesAndNeedsSignIn(t *testing.T) {
	s := open(t)
	for _, r := range surface() {
		method, target, body := r[0], r[1], r[2]
		if w := s.do(method, target, body); w.Code != http.StatusOK && w.Code != http.StatusNoContent {
			t.Errorf("%s %s = %d: %s", method, target, w.Code, w.Body)
		}
		w := s.do(method, target, body, "Authorization: Bearer wrong")
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s %s with a wrong token = %d, want 401", method, target, w.Code)
			continue
		}
		problemIn(t, w)
	}
	for _, open := range []string{"/healthz", "/readyz", "/api/v1/openapi.json", "/", "/traces"} {
		if w := s.do("GET", open, "", "Authorization: "); w.Code != http.StatusOK {
			t.Errorf("GET %s without sign-in = %d, want 200", open, w.Code)
		}
	}
	if w := s.do("GET", "/api/v1/live", "", "Authorization: Bearer wrong"); w.Code != http.StatusUnauthorized {
		t.Errorf("live stream with a wrong token = %d, want 401", w.Code)
	}
}

func TestBadInputIsNamed(t *testing.T) {
	s := open(t)
	cases := []struct{ method, target, body, field string }{
		{"GET", "/api/v1/graph?at=yesterday", "", "at"},
		{"GET", "/api/v1/graph?window=-5s", "", "window"},
		{"GET", "/api/v1/graph?window=48h", "", "window"},
		{"GET", "/api/v1/graph?widnow=5s", "", "widnow"},
		{"GET", "/api/v1/services/Not%20a%20name", "", "name"},
		{"GET", "/api/v1/traces?limit=0", "", "limit"},
		{"GET", "/api/v1/traces?limit=1001", "", "limit"},
		{"GET", "/api/v1/traces?limit=1&limit=2", "", "limit"},
		{"GET", "/api/v1/traces?minDuration=5", "", "minDuration"},
		{"GET", "/api/v1/traces?minDuration=5s&maxDuration=1s", "", "maxDuration"},
		{"GET", "/api/v1/traces?status=bad", "", "status"},
		{"GET", "/api/v1/traces?start=2026-03-01T12:00:00Z&end=2026-03-01T11:00:00Z", "", "start"},
		{"GET", "/api/v1/traces?q=" + strings.Repeat("x", 501), "", "q"},
		{"GET", "/api/v1/traces/xyz", "", "id"},
		{"GET", "/api/v1/logs?minStatus=9999", "", "minStatus"},
		{"GET", "/api/v1/events?kind=party", "", "kind"},
		{"PUT", "/api/v1/traffic/reviews", `{"v1":-1}`, "v1"},
		{"PUT", "/api/v1/traffic/reviews", `{"v1":1.5}`, "v1"},
		{"PUT", "/api/v1/traffic/reviews", `{"v 1":1}`, "v 1"},
		{"PUT", "/api/v1/traffic/reviews", `{"v1":0}`, "weights"},
		{"PUT", "/api/v1/traffic/reviews", `[]`, "body"},
		{"PUT", "/api/v1/traffic/reviews", `{"v1":1} x`, "body"},
		{"POST", "/api/v1/breakers/trip", `{"service":"reviews","reason":"x"}`, "version"},
		{"POST", "/api/v1/breakers/trip", `{"service":"reviews","version":"v1"}`, "reason"},
		{"POST", "/api/v1/breakers/trip", `{"service":"","version":"v1"}`, "service"},
		{"POST", "/api/v1/breakers/trip", `{"servcie":"reviews"}`, "servcie"},
		{"POST", "/api/v1/breakers/release", `{}`, "id"},
		{"POST", "/api/v1/breakers/hold", `{"id":5}`, "id"},
		{"POST", "/api/v1/config", ``, "body"},
		{"POST", "/api/v1/config?dryRun=maybe", `x`, "dryRun"},
		{"POST", "/api/v1/config/analyze", strings.Repeat("x", 4<<20+1), "body"},
		{"POST", "/api/v1/config/replay", "", "body"},
		{"POST", "/api/v1/config/replay?limit=200001", "kind: x", "limit"},
		{"POST", "/api/v1/config/replay?start=2026-03-01T12:00:00Z&end=2026-03-01T11:00:00Z", "kind: x", "start"},
		{"POST", "/api/v1/tokens", `{"ttl":"soon"}`, "ttl"},
		{"POST", "/api/v1/tokens", `{"uses":-1}`, "uses"},
		{"POST", "/api/v1/ca/revoke", `{"what":" "}`, "what"},
		{"DELETE", "/api/v1/unreadable?key=web-1", "", "table"},
		{"DELETE", "/api/v1/unreadable?table=streams", "", "key"},
		{"POST", "/api/v1/session", `{}`, "token"},
	}
	for _, c := range cases {
		w := s.do(c.method, c.target, c.body)
		if w.Code < 400 || w.Code > 422 {
			t.Errorf("%s %.80s = %d, want a refusal: %s", c.method, c.target, w.Code, w.Body)
			continue
		}
		if p := problemIn(t, w); len(p.Errors) != 1 || p.Errors[0].Field != c.field {
			t.Errorf("%s %.80s blames %+v, want %q", c.method, c.target, p.Errors, c.field)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := open(t)
	cases := []struct {
		method, target, body string
		want                 int
	}{
		{"GET", "/api/v1/nothing", "", 404},
		{"GET", "/api/v1/services/nobody", "", 404},
		{"GET", "/api/v1/traces/00000000000000000000000000000000", "", 404},
		{"GET", "/api/v1/why/req-nobody", "", 404},
		{"GET", "/api/v1/traffic/nobody", "", 404},
		{"PUT", "/api/v1/traffic/reviews", `{"v9":1}`, 422},
		{"POST", "/api/v1/traffic/cart/undo", "", 422},
		{"POST", "/api/v1/breakers/release", `{"id":"v-0"}`, 404},
		{"POST", "/api/v1/graph", "", 405},
		{"DELETE", "/api/v1/config/Secret/default/x", "", 404},
	}
	for _, c := range cases {
		w := s.do(c.method, c.target, c.body)
		if w.Code != c.want {
			t.Errorf("%s %s = %d, want %d: %s", c.method, c.target, w.Code, c.want, w.Body)
		}
		problemIn(t, w)
	}
}

func TestAPartThatDoesNotRunHere(t *testing.T) {
	s := open(t, func(d *api.Deps) {
		*d = api.Deps{Sessions: d.Sessions, App: d.App, Logger: d.Logger}
	})
	for _, r := range surface() {
		if strings.HasPrefix(r[1], "/api/v1/session") {
			continue
		}
		if w := s.do(r[0], r[1], r[2]); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s %s = %d, want 503", r[0], r[1], w.Code)
		}
	}
}

func TestAnswersCompress(t *testing.T) {
	s := open(t)
	for _, target := range []string{"/api/v1/graph", "/assets/app-1a2b.js"} {
		plain := s.do("GET", target, "")
		w := s.do("GET", target, "", "Accept-Encoding: br, gzip")
		if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() >= plain.Body.Len() {
			t.Errorf("GET %s: encoding %q, %d bytes, plain %d", target, w.Header().Get("Content-Encoding"), w.Body.Len(), plain.Body.Len())
			continue
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); err != nil || !bytes.Equal(b, plain.Body.Bytes()) {
			t.Errorf("GET %s: unzipped answer differs from the plain one (%v)", target, err)
		}
	}
	if w := s.do("GET", "/api/v1/graph", "", "Accept-Encoding: gzip;q=0"); w.Header().Get("Content-Encoding") != "" {
		t.Error("gzip was sent to one who refused it")
	}
}

func TestPanicIsAProblem(t *testing.T) {
	s := open(t, func(d *api.Deps) { d.Accounting = nil; d.SLOs = nil; d.Config = nil; d.Logs = broken{} })
	w := s.do("GET", "/api/v1/logs", "")
	if w.Code != http.StatusInternalServerError {
		t.Fatalf("status %d, want 500", w.Code)
	}
	problemIn(t, w)
}
