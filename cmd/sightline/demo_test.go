package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/ui/session"
)

// TestDemoSaysHowToReachIt with a command that does, wherever it keeps its state.
func TestDemoSaysHowToReachIt(t *testing.T) {
	const token = "the-demo's-own"
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, "{}")
	}))
	defer api.Close()
	dir, done, err := demoDir("")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = done() }()
	if err := os.MkdirAll(filepath.Join(dir, "ui"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ui", session.TokenFile), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	root := newRoot()
	root.SetOut(&said)
	root.SetArgs(strings.Fields(reach("bin/sightline", dir, api.URL))[1:])
	if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(said.String(), "All is well.") {
		t.Errorf("the command that is told ended with %v and said %q", err, said.String())
	}

	t.Setenv(serverVariable, "")
	if got, want := reach("bin/sightline", "/tmp/d", defaultServer), "bin/sightline status --dir /tmp/d"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	t.Setenv(serverVariable, "http://10.0.0.1:8080")
	if got, want := reach("bin/sightline", "/tmp/d", defaultServer), "bin/sightline status --dir /tmp/d --server "+defaultServer; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDemoHelpSaysWhereItsStateIs(t *testing.T) {
	var said strings.Builder
	root := newRoot()
	root.SetOut(&said)
	root.SetArgs([]string{"demo", "--help"})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if help := said.String(); strings.Contains(help, defaultDir()) || !strings.Contains(help, "a new directory in "+os.TempDir()) {
		t.Errorf("of --dir it says\n%s", help)
	}
}
