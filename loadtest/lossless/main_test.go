package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test's program play the app.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == roleApp {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := actApp(ctx, os.Args[2:]); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestNoRequestIsLost plays every scenario once, at a rate that any machine can take.
func TestNoRequestIsLost(t *testing.T) {
	if os.Getenv("SIGHTLINE_E2E") == "" {
		t.Skip("SIGHTLINE_E2E is not set: run `make test`")
	}
	// Time enough for a busy machine to restart a sidecar while nobody renews certificates.
	o := options{rate: 100, repeat: 1, certTTL: time.Minute, bin: "../../bin", dir: t.TempDir()}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	rows, err := runAll(t.Context(), o, t.Output())
	if err != nil {
		t.Error(err)
	}
	t.Log("\n" + table(rows))
	if n := lost(rows); n > 0 {
		t.Errorf("%d requests were lost", n)
	}
	if t.Failed() {
		if log, err := os.ReadFile(o.dir + "/log"); err == nil {
			t.Logf("the programs said:\n%s", log)
		}
	}
}
