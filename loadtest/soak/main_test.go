package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
)

// TestMain lets the test's program play the app.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == roleApp {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := actApp(ctx, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"nothing to do":    nil,
		"run `make build`": {"-idle", "1", "-bin", "/nonexistent"},
		"-nonsense":        {"-nonsense"},
	} {
		if err := run(t.Context(), args, t.Output(), t.Output()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	if err := run(t.Context(), []string{"-help"}, t.Output(), t.Output()); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help: %v", err)
	}
}

// A sidecar that holds more than before is found out.
func TestLeak(t *testing.T) {
	before := both{{10 << 20, 20, 30}, {10 << 20, 20, 30}}
	for name, after := range map[string]both{
		"goroutines":  {before[0], {10 << 20, 20, 3000}},
		"descriptors": {{10 << 20, 2000, 30}, before[1]},
		"memory":      {{100 << 20, 20, 30}, before[1]},
	} {
		if leak(before, after) == nil {
			t.Errorf("%s are not seen to leak", name)
		}
	}
	if err := leak(before, both{{20 << 20, 100, 200}, before[1]}); err != nil {
		t.Errorf("kept connections are taken for a leak: %v", err)
	}
}

// A sidecar that closes idle connections is found out.
func TestAlive(t *testing.T) {
	closes := false
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if closes {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.Copy(w, r.Body)
	}))
	defer app.Close()
	at, err := netip.ParseAddrPort(app.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &soak{pair: &pair.Running{Address: at}}
	idle, err := s.hold(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release(idle) }()
	if err := alive(idle); err != nil {
		t.Errorf("connections that live: %v", err)
	}
	closes = true
	if alive(idle) == nil {
		t.Error("a connection that is gone is not seen")
	}
}

func TestUnknown(t *testing.T) {
	for answer, want := range map[string]bool{
		"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno":         true,
		"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno":         false,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi":                false,
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n": false,
		"": false,
	} {
		if err := unknown(strings.NewReader(answer)); (err == nil) != want {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestKeptUp(t *testing.T) {
	for name, c := range map[string]struct {
		opened int
		late   int64
		want   bool
	}{
		"all":             {10_000, 0, true},
		"nine tenths":     {9_000, 1000, true},
		"fewer":           {8_900, 0, false},
		"none":            {0, 0, false},
		"too many at end": {10_000, 1001, false},
	} {
		if err := keptUp(c.opened, c.late, 1000, 10*time.Second); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestQuick is each load for a moment, with the built programs.
func TestQuick(t *testing.T) {
	if os.Getenv("SIGHTLINE_E2E") == "" {
		t.Skip("SIGHTLINE_E2E is not set: run `make build` and set it")
	}
	runtime.LockOSThread() // as main does
	defer runtime.UnlockOSThread()
	var out bytes.Buffer
	args := []string{"-bin", filepath.Join("..", "..", "bin"), "-stream-mib", "16", "-idle", "200", "-churn", "100", "-websockets", "10", "-for", "2s"}
	if err := run(t.Context(), args, &out, t.Output()); err != nil {
		t.Error(err)
	}
	t.Log("\n" + out.String())
	if n := strings.Count(out.String(), "\n"); n != 6 {
		t.Errorf("%d lines were said, want one or two of each load", n)
	}
}
