package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/api"
	"github.com/sightline-mesh/sightline/ui/session"
)

func TestTapStream(t *testing.T) {
	var got mesh.Tap
	s := open(t, func(d *api.Deps) {
		d.Tap = func(_ context.Context, asked mesh.Tap, by string, line func(mesh.TapLine) error) error {
			if got = asked; by == "" {
				t.Error("nobody taps")
			}
			return errors.Join(
				line(mesh.TapLine{Status: &mesh.TapStatus{Sidecars: 2}}),
				line(mesh.TapLine{Request: &mesh.Tapped{Instance: "reviews-1", Path: "/a\nb"}}))
		}
	})
	w := s.do("GET", "/api/v1/tap?service=reviews&version=v2&direction=outbound&peer=ratings&method=GET&path=/x&status=5xx&maxRps=7&headers=true", "")
	want := mesh.Tap{
		Target: mesh.Target{Service: "reviews", Version: "v2"}, Direction: "outbound", Peer: "ratings", Method: "GET", Path: "/x",
		Status: "5xx", PerSecond: 7, Headers: true,
	}
	if diff := cmp.Diff(want, got); diff != "" || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d %v: %s", w.Code, w.Header(), diff)
	}
	if body := w.Body.String(); !strings.HasPrefix(body, "event: status\ndata: {\"sidecars\":2,") || strings.Count(body, "\n\n") != 2 ||
		!strings.Contains(body, "event: request\ndata: {") {
		t.Errorf("stream %q", body)
	}
}

func TestTapRefusals(t *testing.T) {
	s := open(t, func(d *api.Deps) {
		d.Tap = func(context.Context, mesh.Tap, string, func(mesh.TapLine) error) error {
			return errors.New("the control plane is away")
		}
	})
	for target, code := range map[string]int{
		"/api/v1/tap":                                 http.StatusBadRequest,
		"/api/v1/tap?service=reviews&status=5":        http.StatusBadRequest,
		"/api/v1/tap?service=reviews&status=099":      http.StatusBadRequest,
		"/api/v1/tap?service=reviews&maxRps=1001":     http.StatusBadRequest,
		"/api/v1/tap?service=reviews&direction=north": http.StatusBadRequest,
		"/api/v1/tap?service=reviews&filter=x":        http.StatusBadRequest,
		"/api/v1/tap?service=reviews":                 http.StatusInternalServerError,
	} {
		if w := s.do("GET", target, ""); w.Code != code {
			t.Errorf("%s = %d %s, want %d", target, w.Code, w.Body, code)
		}
	}
	if w := s.do("GET", "/api/v1/tap", ""); !strings.Contains(w.Body.String(), `"service"`) || strings.Contains(w.Body.String(), "target") {
		t.Errorf("a tap of nobody: %s, want the parameter service named", w.Body)
	}
	keys, err := session.Open(session.Config{Dir: t.TempDir(), Anonymous: session.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	s = reopen(s, keys)
	if w := s.do("GET", "/api/v1/tap?service=reviews", "", "Sec-Fetch-Site: same-origin", "Authorization:"); w.Code != http.StatusForbidden {
		t.Errorf("a viewer gets %d, want 403", w.Code)
	}
}

// TestViewersMayNotWriteSamples lets one read what it may not write.
func TestViewersMayNotWriteSamples(t *testing.T) {
	keys, err := session.Open(session.Config{Dir: t.TempDir(), Anonymous: session.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, func(d *api.Deps) {
		d.Sessions = keys
		d.Prometheus = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		d.RemoteWrite = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("written") })
	})
	if w := s.do("POST", "/prometheus/api/v1/query", "", "Authorization: "); w.Code != http.StatusOK {
		t.Errorf("read: got %d", w.Code)
	}
	for _, path := range []string{"/prometheus/api/v1/write", "/prometheus/api/v1/%77rite"} {
		if w := s.do("POST", path, "", "Authorization: "); w.Code != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", path, w.Code)
		}
	}
}
