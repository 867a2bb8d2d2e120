package proc

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// shell starts a script that is ended with the test.
func shell(t *testing.T, script string) (*Process, *bytes.Buffer) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	var said bytes.Buffer // read after the end
	p, err := Start(t.Context(), Command{Path: sh, Args: []string{"-c", script}, Log: &said})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p, &said
}

func TestStopEndsWhatRuns(t *testing.T) {
	p, _ := shell(t, "exec sleep 60")
	if p.PID() <= 0 {
		t.Errorf("pid %d", p.PID())
	}
	began := time.Now()
	if err := p.Stop(); err != nil || time.Since(began) > grace {
		t.Errorf("Stop = %v after %s", err, time.Since(began))
	}
	<-p.Ended()
}

func TestAwaitTellsWhyNot(t *testing.T) {
	never := func(context.Context) error { return errors.New("not yet") }
	p, said := shell(t, "echo some reason; exit 3")
	err := Await(t.Context(), time.Minute, never, p)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(said.String(), "some reason") {
		t.Errorf("Await = %v, said %q", err, said)
	}
	q, _ := shell(t, "exit 0")
	<-q.Ended()
	if err := q.Err(); !strings.Contains(err.Error(), "by itself") {
		t.Errorf("Err = %v", err)
	}
	err = Await(t.Context(), 50*time.Millisecond, never)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not yet") {
		t.Errorf("Await = %v, want the time and what was waited for", err)
	}
	if err := Await(t.Context(), time.Minute, func(context.Context) error { return nil }, q); err != nil {
		t.Errorf("Await of what is so: %v", err)
	}
}

func TestStartNames(t *testing.T) {
	if _, err := Start(t.Context(), Command{Path: "/nonexistent/nginx"}); err == nil || !strings.Contains(err.Error(), "nginx") {
		t.Errorf("Start = %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(over, Command{Path: "/bin/true"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Start after the end = %v", err)
	}
}
