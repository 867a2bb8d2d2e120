package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnswersAndProblems(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte("who are you"))
		case r.URL.Path == "/bad":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"title":"Bad Request","status":400,"detail":"limit \"x\" is not a number"}`))
		case r.Header.Get("Content-Type") == "application/yaml":
			_, _ = w.Write([]byte(`{"got":"yaml"}`))
		default:
			_, _ = w.Write([]byte(`{"got":"` + r.URL.Query().Get("q") + `"}`))
		}
	}))
	defer srv.Close()
	c, err := New(srv.URL+"/", "secret")
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ Got string }
	if err := c.Get(t.Context(), "/x", url.Values{"q": {"a&b"}}, &out); err != nil || out.Got != "a&b" {
		t.Errorf("Get = %+v, %v", out, err)
	}
	if err := c.Send(t.Context(), "POST", "/x", YAML("a: 1"), &out); err != nil || out.Got != "yaml" {
		t.Errorf("Send YAML = %+v, %v", out, err)
	}
	err = c.Get(t.Context(), "/bad", nil, nil)
	if p, ok := errors.AsType[*ProblemError](err); !ok || p.Status != 400 || !strings.Contains(p.Error(), `"x"`) {
		t.Errorf("problem = %v, want the detail", err)
	}
	stranger, _ := New(srv.URL, "")
	if err := stranger.Get(t.Context(), "/x", nil, nil); err == nil || !strings.Contains(err.Error(), "does not take the token") {
		t.Errorf("without a token: %v, want to be told of the token", err)
	}
}

func TestServerMustBeAURL(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:8080", "ftp://x", "http://"} {
		if _, err := New(bad, ""); err == nil {
			t.Errorf("New(%q) is accepted", bad)
		}
	}
}

func TestTokenFileMustBePrivate(t *testing.T) {
	p := filepath.Join(t.TempDir(), "token")
	if _, err := TokenFile(p); err == nil || !strings.Contains(err.Error(), "sightline up") {
		t.Errorf("missing file: %v, want a hint", err)
	}
	if err := os.WriteFile(p, []byte("abc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := TokenFile(p); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Errorf("readable by all: %v, want refusal", err)
	}
	if err := os.Chmod(p, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := TokenFile(p); err != nil || got != "abc" {
		t.Errorf("TokenFile = %q, %v", got, err)
	}
}
