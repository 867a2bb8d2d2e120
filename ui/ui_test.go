package ui

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/ui/api/apitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServeSignInAndStop(t *testing.T) {
	deps := apitest.New(time.Now).Deps()
	deps.Logger = slog.New(slog.DiscardHandler)
	u, err := New(t.Context(), Config{Listen: "127.0.0.1:0", Dir: t.TempDir()}, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()

	page, secret, ok := strings.Cut(u.SignInLink(), "#token=")
	if !ok || !strings.HasPrefix(page, "http://127.0.0.1:") {
		t.Fatalf("link %q", u.SignInLink())
	}
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar, Transport: &http.Transport{}}
	defer c.CloseIdleConnections()
	if code, body := ask(t, c, http.MethodGet, page, ""); code != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("sign-in page = %d %.80s", code, body)
	}
	if code, _ := ask(t, c, http.MethodPost, u.URL()+"/api/v1/session", `{"token":"`+secret+`"}`); code != http.StatusOK {
		t.Fatalf("sign in = %d", code)
	}
	if code, body := ask(t, c, http.MethodGet, u.URL()+"/api/v1/graph", ""); code != http.StatusOK || !strings.Contains(body, "payments") {
		t.Errorf("graph = %d %.80s", code, body)
	}
	c.CloseIdleConnections()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run = %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run does not end")
	}
}

func ask(t *testing.T, c *http.Client, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestAddressInUse(t *testing.T) {
	deps := apitest.New(time.Now).Deps()
	deps.Logger = slog.New(slog.DiscardHandler)
	first, err := New(t.Context(), Config{Listen: "127.0.0.1:0", Dir: t.TempDir()}, deps)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	_, err = New(t.Context(), Config{Listen: strings.TrimPrefix(first.URL(), "http://"), Dir: t.TempDir()}, deps)
	if err == nil || !strings.Contains(err.Error(), "open UI") {
		t.Errorf("New on a used address = %v", err)
	}
}
