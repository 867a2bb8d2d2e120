package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/ui/session"
)

// broken is a log store that panics.
type broken struct{ fixedLogs }

func (broken) Logs(context.Context, signal.LogQuery) (signal.LogPage, error) { panic("broken") }

// browse signs a browser in and returns its cookie.
func (s *site) browse() *http.Cookie {
	s.t.Helper()
	w := s.do("POST", "/api/v1/session", `{"token":"`+s.keys.Link()+`"}`, "Authorization: ", "Sec-Fetch-Site: same-origin")
	if w.Code != http.StatusOK {
		s.t.Fatalf("sign in = %d: %s", w.Code, w.Body)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		s.t.Fatalf("%d cookies, want one", len(cookies))
	}
	return cookies[0]
}

func TestSignInBrowserSession(t *testing.T) {
	s := open(t)
	c := s.browse()
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge <= 0 {
		t.Errorf("cookie %+v: want HttpOnly, SameSite=Strict, for all paths", c)
	}
	with := "Cookie: " + c.Name + "=" + c.Value
	w := s.do("GET", "/api/v1/session", "", "Authorization: ", with)
	var u session.User
	if err := json.Unmarshal(w.Body.Bytes(), &u); err != nil || u.Role != session.Admin {
		t.Errorf("session = %s, %v, want an admin", w.Body, err)
	}
	if w := s.do("DELETE", "/api/v1/session", "", "Authorization: ", with); w.Code != http.StatusNoContent {
		t.Errorf("sign out = %d", w.Code)
	}
	if w := s.do("GET", "/api/v1/graph", "", "Authorization: ", with); w.Code != http.StatusUnauthorized {
		t.Errorf("after sign-out = %d, want 401", w.Code)
	}
}

func TestOtherSitesCannotAct(t *testing.T) {
	s := open(t)
	c := s.browse()
	cookie := "Cookie: " + c.Name + "=" + c.Value
	cases := []struct {
		header string
		want   int
	}{
		{"Sec-Fetch-Site: same-origin", 200},
		{"Sec-Fetch-Site: cross-site", 403},
		{"Sec-Fetch-Site: same-site", 403},
		{"Origin: http://example.com", 200}, // httptest's own host
		{"Origin: http://evil.example", 403},
	}
	for _, k := range cases {
		w := s.do("PUT", "/api/v1/traffic/reviews", `{"v1":1}`, "Authorization: ", cookie, k.header)
		if w.Code != k.want {
			t.Errorf("with %q = %d, want %d: %s", k.header, w.Code, k.want, w.Body)
		}
	}
	if w := s.do("POST", "/api/v1/session", `{"token":"x"}`, "Authorization: ", "Sec-Fetch-Site: cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("another site's sign-in = %d, want 403", w.Code)
	}
}

func TestWrongSignInsAreLimited(t *testing.T) {
	s := open(t)
	var last *httptest.ResponseRecorder
	for range 6 {
		last = s.do("POST", "/api/v1/session", `{"token":"guess"}`, "Authorization: ")
	}
	if last.Code != http.StatusTooManyRequests || last.Header().Get("Retry-After") == "" {
		t.Errorf("sixth wrong attempt = %d, want 429 with Retry-After", last.Code)
	}
	if c := s.browse(); c.Value == "" {
		t.Error("the holder of the right link is locked out by others' guesses")
	}
}

func TestRoles(t *testing.T) {
	for _, role := range []session.Role{session.Viewer, session.Operator} {
		keys, err := session.Open(session.Config{Dir: t.TempDir(), Anonymous: role})
		if err != nil {
			t.Fatal(err)
		}
		s := open(t)
		s = reopen(s, keys)
		want := map[string]int{
			"GET /api/v1/graph":           200,
			"PUT /api/v1/traffic/reviews": 403,
			"POST /api/v1/config":         403,
			"POST /api/v1/tokens":         403,
			"GET /api/v1/tokens":          403,
			"POST /api/v1/ca/rotate":      403,
			"POST /api/v1/ca/revoke":      403,
			"GET /api/v1/ca":              200,
			"POST /api/v1/session/link":   403,
		}
		if role == session.Operator {
			want["PUT /api/v1/traffic/reviews"] = 200
		}
		for call, code := range want {
			method, target, _ := strings.Cut(call, " ")
			w := s.do(method, target, `{"v1":1}`, "Sec-Fetch-Site: same-origin")
			if w.Code != code {
				t.Errorf("%s as %s = %d, want %d", call, role, w.Code, code)
			}
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	s := open(t)
	for _, target := range []string{"/", "/api/v1/graph", "/assets/app-1a2b.js", "/api/v1/nothing", "/healthz"} {
		w := s.do("GET", target, "")
		csp := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("GET %s: policy %q", target, csp)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s may be sniffed", target)
		}
	}
	cache := map[string]string{
		"/":                   "no-cache",
		"/traces/abc":         "no-cache",
		"/assets/app-1a2b.js": "public, max-age=31536000, immutable",
		"/api/v1/graph":       "no-store",
	}
	for target, want := range cache {
		if got := s.do("GET", target, "").Header().Get("Cache-Control"); got != want {
			t.Errorf("GET %s: Cache-Control %q, want %q", target, got, want)
		}
	}
	if w := s.do("GET", "/assets/gone-9.js", ""); w.Code != http.StatusNotFound {
		t.Errorf("a missing file of the build = %d, want 404 and not a page", w.Code)
	}
	tag := s.do("GET", "/", "").Header().Get("ETag")
	if w := s.do("GET", "/", "", "If-None-Match: "+tag); w.Code != http.StatusNotModified {
		t.Errorf("with its own ETag = %d, want 304", w.Code)
	}
}
