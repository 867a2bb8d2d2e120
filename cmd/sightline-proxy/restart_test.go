package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// command runs another command of this program and returns what it said.
func (w *workloadProcess) command(args ...string) (said string, ok bool) {
	w.Helper()
	self, err := os.Executable()
	if err != nil {
		w.Fatal(err)
	}
	c := exec.CommandContext(w.Context(), self, args...)
	c.Env = append(os.Environ(), actAs+"=sidecar", "GORACE=atexit_sleep_ms=0")
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

// restart has the sidecar replaced by a new process.
func (w *workloadProcess) restart(flags ...string) {
	w.Helper()
	if said, ok := w.command(append([]string{"restart", "--dir", w.dir}, flags...)...); !ok {
		w.Fatalf("restart of %s: %s", w.service, said)
	}
}

// line is one connection of an app's to its sidecar, that is kept.
type line struct {
	*plant
	c net.Conn
	r *bufio.Reader
}

func (w *workloadProcess) dial() *line {
	w.Helper()
	c, err := net.Dial("tcp", w.outbound())
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		w.Fatal(err)
	}
	return &line{w.plant, c, bufio.NewReader(c)}
}

// outbound is where the app's requests go, as the app was told.
func (w *workloadProcess) outbound() string {
	w.Helper()
	for kv := range strings.Lines(w.ask("/env")) {
		if address, ok := strings.CutPrefix(strings.TrimSpace(kv), "SIGHTLINE_OUTBOUND="); ok {
			return address
		}
	}
	w.Fatal("the app was not told where its requests go")
	return ""
}

// post sends a request that must not be sent twice, and expects it to be answered on
// this very connection, which lives on.
func (l *line) post() {
	l.Helper()
	if _, err := io.WriteString(l.c, "POST / HTTP/1.1\r\nHost: hello\r\nContent-Length: 1\r\n\r\nx"); err != nil {
		l.Fatal(err)
	}
	res, err := http.ReadResponse(l.r, nil)
	if err != nil {
		l.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || string(b) != helloSpeak || res.Close {
		l.Fatalf("got %s %q, %v; last of the connection: %v", res.Status, b, err, res.Close)
	}
}

// A sidecar is replaced several times under load: the app runs on, its connections too,
// and no request is lost, neither of those it sends nor of those it gets.
func TestRestartLosesNothing(t *testing.T) {
	p := newPlant(t)
	hello := p.run("hello", t.TempDir(), "serve")
	caller := p.run("caller", t.TempDir(), "serve")
	caller.reachesHello()
	apps := hello.ask("/pid") + " " + caller.ask("/pid")
	idle, used := caller.dial(), caller.dial()
	idle.post()
	silent := caller.dial()
	stop := caller.keepCalling(4, http.MethodPost)
	for range 3 {
		hello.restart()
		caller.restart()
		used.post()
	}
	idle.post()
	silent.post()
	for _, bad := range stop() {
		t.Errorf("a request failed: %s", bad)
	}
	if now := hello.ask("/pid") + " " + caller.ask("/pid"); now != apps {
		t.Errorf("the apps' processes were %s and are %s", apps, now)
	}
	for _, w := range []*workloadProcess{caller, hello} {
		if status := w.stop(syscall.SIGTERM); status != 0 {
			t.Errorf("%s ended with status %d, want its app's 0", w.service, status)
		}
	}
}

// The new process has the flags of the old one and those of the restart. One that does
// not come up changes nothing.
func TestRestartWithOtherFlags(t *testing.T) {
	p := newPlant(t)
	hello := p.run("hello", t.TempDir(), "serve")
	caller := p.run("caller", t.TempDir(), "serve")
	caller.reachesHello()
	for wrong, want := range map[string]string{
		"--no-such-flag=1":      "no-such-flag",
		"--service=another":     "not ready", // said by the new process, where its log is
		"--inbound=127.0.0.1:1": "not ready",
		"--upstream=x=nowhere":  "want name=host:port",
	} {
		said, ok := caller.command("restart", "--dir", hello.dir, wrong)
		if ok || !strings.Contains(strings.ReplaceAll(said, "ended before it was ready", "not ready"), want) {
			t.Errorf("restart %s: %v %q, want it refused with %q", wrong, ok, said, want)
		}
	}
	hello.restart("--drain", "1s", "--pprof")
	hello.restart()
	if got := caller.ask(callHello); got != helloSpeak {
		t.Errorf("got %q", got)
	}
	if said, ok := caller.command("restart", "--dir", t.TempDir()); ok || !strings.Contains(said, "reach the sidecar") {
		t.Errorf("restart of no sidecar: %v %q", ok, said)
	}
}

// A process that goes on ends with the one that started it, however that ends, and a
// job's status is still the app's.
func TestRestartedSidecarEndsWithItsFirstProcess(t *testing.T) {
	p := newPlant(t)
	hello := p.run("hello", t.TempDir(), "serve")
	caller := p.run("caller", t.TempDir(), "serve")
	caller.reachesHello()
	hello.restart()
	hello.stop(syscall.SIGKILL)
	again := p.run("hello", hello.dir, "serve") // its directory is free once all have ended
	again.takesRequestsOf(caller)
}

// takesRequestsOf has another app call until requests have come by way of the mesh.
func (w *workloadProcess) takesRequestsOf(caller *workloadProcess) {
	w.Helper()
	w.eventually(w.service+" takes requests", func() bool {
		caller.ask(callHello)
		return w.ask("/served") != "0" && !strings.Contains(w.ask("/served"), "refused")
	})
}

func TestParseRestart(t *testing.T) {
	env := map[string]string{}
	for _, tt := range []struct {
		args  []string
		dir   string
		flags []string
		fault string
	}{
		{args: []string{"--dir", "/d"}, dir: "/d"},
		{args: []string{"--drain", "5s", "--dir", "/d", "--pprof"}, dir: "/d", flags: []string{"--drain", "5s", "--pprof"}},
		{args: nil, fault: "dir"},
		{args: []string{"--dir"}, fault: "dir"},
		{args: []string{"--dir", "/d", "--nope"}, fault: "nope"},
		{args: []string{"--dir", "/d", "stray"}, fault: `"stray" is no flag`},
		{args: []string{"--dir", "/d", "--", "app"}, fault: "the app runs on"},
	} {
		t.Run(fmt.Sprint(tt.args), func(t *testing.T) {
			dir, flags, err := parseRestart(tt.args, func(k string) string { return env[k] })
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("err = %v, want %q in it", err, tt.fault)
				}
				return
			}
			if err != nil || dir != tt.dir || cmp.Diff(tt.flags, flags) != "" {
				t.Errorf("got %q %q, %v", dir, flags, err)
			}
		})
	}
}
