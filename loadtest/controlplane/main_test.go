package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test's program play the control plane.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == roleServe {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := serve(ctx, os.Args[2:]); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestEveryChangeReachesEverySubscriber in a mesh that grows; how fast is for a machine
// of its own to say.
func TestEveryChangeReachesEverySubscriber(t *testing.T) {
	t.Parallel()
	o := options{services: 6, sizes: []int{4, 12}, each: 3, changes: 12, every: 20 * time.Millisecond, idle: time.Millisecond}
	rows, err := measureMesh(t.Context(), o, t.Output())
	if err != nil {
		t.Error(err)
	}
	for i, r := range rows {
		if r.sidecars != o.sizes[i] || r.changes == 0 || r.late != 0 || r.p50 <= 0 || r.rss == 0 {
			t.Errorf("row %d is %+v", i, r)
		}
	}
	if len(rows) != 2 {
		t.Errorf("%d rows, want 2", len(rows))
	}
}

// TestCurve: each number of subscriptions is a row, of a mesh of the same size.
func TestCurve(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	args := "-services 6 -sidecars 6 -curve 1,5 -changes 6 -every 20ms -idle 1ms"
	if err := run(t.Context(), strings.Fields(args), &out, t.Output()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[2], "| 6 | 6 | 1 |") || !strings.HasPrefix(lines[3], "| 6 | 6 | 5 |") {
		t.Errorf("printed\n%s", out.String())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-sidecars 1,x":              `"x" is not a number above 0`,
		"-services 5 -subscribe 6":   "6 is not between 1 and the number of services, 5",
		"-sidecars 1 -curve 1,0":     `curve: "0" is not a number above 0`,
		"-sidecars 1,2 -curve 1":     "is of one number of sidecars",
		"-services 5 -curve 1,9":     "9 is not between 1 and the number of services, 5",
		"-sidecars 0":                `"0" is not a number above 0`,
		"-sidecars 1,2 -subscribe 0": "0 is not between 1",
	} {
		if _, err := parse(strings.Fields(args), t.Output()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
