package run

import (
	"bufio"
	"bytes"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func shell(script string) *App {
	return &App{Args: []string{"/bin/sh", "-c", script}, Env: os.Environ(), Grace: 300 * time.Millisecond}
}

func start(t *testing.T, a *App) *App {
	t.Helper()
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop() })
	return a
}

func TestStatusIsTheApps(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137} {
		a := start(t, shell(script))
		<-a.Ended()
		if got := a.Status(); got != want {
			t.Errorf("status of %q = %d, want %d", script, got, want)
		}
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	var out bytes.Buffer
	a := shell(`trap 'echo got; exit 3' USR1; echo up; while :; do sleep 0.05; done`)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	a.Stdout = w
	start(t, a)
	_ = w.Close()
	buf := make([]byte, 3)
	if _, err := r.Read(buf); err != nil || string(buf) != "up\n" {
		t.Fatalf("app said %q, %v", buf, err)
	}
	if err := a.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	<-a.Ended()
	_, _ = out.ReadFrom(r)
	if a.Status() != 3 || !strings.Contains(out.String(), "got") {
		t.Errorf("status %d, output %q; want 3 and got", a.Status(), out.String())
	}
	if err := a.Signal(syscall.SIGUSR1); err != nil {
		t.Errorf("signal after the end: %v, want nothing", err)
	}
}

func TestStopIsGentleThenFirm(t *testing.T) {
	gentle := start(t, shell(`trap 'exit 5' TERM; while :; do sleep 0.05; done`))
	deaf := start(t, shell(`trap '' TERM; while :; do sleep 0.05; done`))
	// The trap must be set before the signal comes: a shell that has not got there yet
	// ends by the signal itself, which is gentle too.
	if err := gentle.Stop(); err != nil || gentle.Status() != 5 && gentle.Status() != 143 {
		t.Errorf("gentle: %v, status %d", err, gentle.Status())
	}
	if err := deaf.Stop(); err != nil || deaf.Status() != 137 && deaf.Status() != 143 {
		t.Errorf("deaf: %v, status %d, want it killed", err, deaf.Status())
	}
}

// What the app has started gets its signals too: a shell that only waits would not pass
// them on.
func TestSignalsReachTheWholeGroup(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	a := shell(`(trap 'echo child got it; exit' TERM; echo up; while :; do sleep 0.05; done) & trap '' TERM; wait`)
	a.Stdout, a.Grace = w, 10*time.Second
	start(t, a)
	_ = w.Close()
	lines := bufio.NewScanner(r)
	for _, want := range []string{"up", "child got it"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the app said %q, want %q", lines.Text(), want)
		}
		if want == "up" {
			if err := a.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestMissingProgramIsNamed(t *testing.T) {
	a := &App{Args: []string{"/no/such/app"}}
	if err := a.Start(); err == nil || !strings.Contains(err.Error(), "/no/such/app") {
		t.Errorf("Start = %v, want the program named", err)
	}
}

func TestEnvironKeepsSecretsBack(t *testing.T) {
	own := []string{"PATH=/bin", "SIGHTLINE_TOKEN=slt_secret", "http_proxy=http://old:1", "SIGHTLINE_OUTBOUND=old"}
	got := Environ(own, Place{Service: "hello", Version: "v1", Outbound: "127.0.0.1:15001"})
	if strings.Contains(strings.Join(got, " "), "slt_secret") {
		t.Errorf("the join token reaches the app: %v", got)
	}
	for _, want := range []string{"PATH=/bin", "http_proxy=http://127.0.0.1:15001", "SIGHTLINE_OUTBOUND=127.0.0.1:15001", "SIGHTLINE_SERVICE=hello"} {
		if !slices.Contains(got, want) {
			t.Errorf("environment lacks %s: %v", want, got)
		}
	}
	if slices.Contains(got, "http_proxy=http://old:1") {
		t.Error("the old proxy is still there")
	}
	if own[1] != "SIGHTLINE_TOKEN=slt_secret" {
		t.Error("the caller's slice was changed")
	}
}
