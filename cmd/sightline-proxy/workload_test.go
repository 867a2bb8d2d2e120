package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestTwoProgramsInTheMesh(t *testing.T) {
	p := newPlant(t)
	hello := p.run("hello", t.TempDir(), "serve")
	caller := p.run("caller", t.TempDir(), "serve")
	caller.reachesHello()

	t.Run("the token is the sidecar's alone", func(t *testing.T) {
		if env := caller.ask("/env"); strings.Contains(env, p.token) || !strings.Contains(env, "SIGHTLINE_OUTBOUND=127.0.0.1:") {
			t.Errorf("the app's environment:\n%s", env)
		}
		b, err := os.ReadFile("/proc/" + strconv.Itoa(hello.cmd.Process.Pid) + "/cmdline")
		if err != nil || strings.Contains(string(b), p.token) {
			t.Errorf("command line %q, %v", b, err)
		}
	})
	t.Run("a job ends with its status", func(t *testing.T) {
		job := p.run("job", t.TempDir(), "get", "http://hello/")
		if status := job.wait(); status != 7 {
			t.Errorf("status %d, want the app's 7", status)
		}
	})
	t.Run("an app is told to end, and its status counts", func(t *testing.T) {
		t.Setenv("APP_FAREWELL", "http://hello/")
		leaver := p.run("leaver", t.TempDir(), "serve")
		leaver.reachesHello()
		if status := leaver.stop(syscall.SIGTERM); status != 0 {
			t.Errorf("status %d, want 0: the app's last call goes out", status)
		}
	})
	t.Run("without a control plane", func(t *testing.T) {
		p.stopControlPlane()
		if got := caller.ask(callHello); got != helloSpeak {
			t.Errorf("running on: %q", got)
		}
		caller.stop(syscall.SIGTERM)
		again := p.run("caller", caller.dir, "serve")
		again.reachesHello()
	})
}

// An app without a port is a client: it is nobody's destination, and ends as others do.
func TestClientWithoutPort(t *testing.T) {
	p := newPlant(t)
	hello := p.run("hello", t.TempDir(), "serve")
	mark := filepath.Join(t.TempDir(), "up")
	idle := p.run("hello", t.TempDir(), "idle", mark)
	caller := p.run("caller", t.TempDir(), "serve")
	caller.reachesHello()
	p.eventually("the idle app is up", func() bool {
		_, err := os.Stat(mark)
		return err == nil
	})
	for range 20 {
		if got := caller.ask(callHello); got != helloSpeak {
			t.Fatalf("a request went to %q: hello is %s", got, hello.app)
		}
	}
	if status := idle.stop(syscall.SIGTERM); status != 0 {
		t.Errorf("status %d, want the app's 0", status)
	}
}

// Copies that are told to end finish their requests. Of copies that are killed, the
// requests that it does no harm to send twice are answered by another.
func TestRestartsFailNoRequest(t *testing.T) {
	for _, tt := range []struct {
		signal syscall.Signal
		status int
		method string
	}{{syscall.SIGTERM, 0, http.MethodPost}, {syscall.SIGKILL, -1, http.MethodGet}} {
		t.Run(tt.signal.String(), func(t *testing.T) {
			p := newPlant(t)
			dirs := []string{t.TempDir(), t.TempDir()}
			copies := []*workloadProcess{p.run("hello", dirs[0], "serve"), p.run("hello", dirs[1], "serve")}
			caller := p.run("caller", t.TempDir(), "serve")
			caller.reachesHello()
			stop := caller.keepCalling(4, tt.method)
			copies[0].takesRequests()
			copies[1].takesRequests()
			for n := range 6 {
				i := n % 2
				if status := copies[i].stop(tt.signal); status != tt.status {
					t.Errorf("restart %d: status %d, want %d", n, status, tt.status)
				}
				copies[i] = p.run("hello", dirs[i], "serve")
				copies[i].takesRequests()
			}
			for _, bad := range stop() {
				t.Errorf("a request failed: %s", bad)
			}
		})
	}
}

// A copy that drains goes on taking requests until callers know of it: no try of theirs
// finds a closed door.
func TestDrainTellsCallersFirst(t *testing.T) {
	p := newPlant(t)
	copies := []*workloadProcess{p.run("hello", t.TempDir(), "serve"), p.run("hello", t.TempDir(), "serve")}
	caller := p.run("caller", t.TempDir(), "serve")
	caller.reachesHello()
	stop := caller.keepCalling(4, http.MethodPost)
	copies[0].takesRequests()
	copies[1].takesRequests()
	before := caller.figure("sightline_retries_total")
	if status := copies[0].stop(syscall.SIGTERM); status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	for _, bad := range stop() {
		t.Errorf("a request failed: %s", bad)
	}
	if tries := caller.figure("sightline_retries_total") - before; tries > 0 {
		t.Errorf("%v requests had to be sent again", tries)
	}
}
