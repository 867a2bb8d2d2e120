package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/freeport"
)

// patience is how long a test waits for what should happen within seconds.
const patience = time.Minute

// TestMain makes the test binary the program itself where the environment says so, for
// the children that `sightline up` starts as well.
func TestMain(m *testing.M) {
	switch os.Getenv("SIGHTLINE_TEST_MAIN") {
	case "1":
		main()
	case "stuck":
		stuck()
	default:
		os.Exit(m.Run())
	}
}

// stuck is a program that was told to end and does not come to it.
func stuck() {
	ctx, stop := interruptible()
	defer stop()
	fmt.Println("running")
	<-ctx.Done()
	fmt.Println("ending")
	time.Sleep(time.Hour)
}

func TestSecondInterruptEndsAtOnce(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		if signal.Ignored(s) { // as a shell has it in the background, and then in every child
			continue
		}
		p := launch(t, options{part: "stuck"})
		p.await(t, "the start", func() bool { return strings.Contains(p.said(), "running") })
		_ = p.cmd.Process.Signal(s)
		p.await(t, "an answer to the first signal", func() bool { return strings.Contains(p.said(), "ending") })
		tick := time.NewTicker(10 * time.Millisecond) // the first signal may not be all dealt with
		defer tick.Stop()
		deadline := time.After(patience)
		for alive := true; alive; {
			_ = p.cmd.Process.Signal(s)
			select {
			case <-tick.C:
			case <-p.ended:
				alive = false
			case <-deadline:
				t.Fatal("a second signal does not end it")
			}
		}
		if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != s {
			t.Errorf("%v, want the end by %v", p.cmd.ProcessState, s)
		}
	}
}

// program is a run of sightline.
type program struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended

	mu  sync.Mutex
	out bytes.Buffer // standard output and error
}

// options say how a test runs sightline otherwise than usual.
type options struct {
	path string    // of the program; "" is this test binary
	part string    // that it plays; "" is sightline's
	out  io.Writer // for its output; nil keeps it for said
	real bool      // the machine has the engine
}

// launch starts sightline, on a machine without an engine unless told otherwise; it ends
// with the test.
func launch(t *testing.T, o options, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.CommandContext(t.Context(), cmp.Or(o.path, os.Args[0]), args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "SIGHTLINE_TEST_MAIN="+cmp.Or(o.part, "1"))
	if !o.real {
		p.cmd.Env = append(p.cmd.Env, "SIGHTLINE_ENGINE=", "XDG_CACHE_HOME="+t.TempDir())
	}
	if o.out == nil {
		o.out = p
	}
	p.cmd.Stdout, p.cmd.Stderr = o.out, o.out
	p.cmd.WaitDelay = patience
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// Write implements io.Writer.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// end waits for the program's own end and returns its status, -1 after a signal.
func (p *program) end(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("sightline has not ended after %s; it said:\n%s", patience, p.said())
	}
	return p.cmd.ProcessState.ExitCode()
}

// await polls: what it waits for happens in another process.
func (p *program) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-p.ended:
			t.Fatalf("ended before %s; it said:\n%s", what, p.said())
		case <-deadline:
			t.Fatalf("waited %s for %s; it said:\n%s", patience, what, p.said())
		}
	}
}

// addresses are free ports by the names of the flags that take them.
func addresses(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	names := []string{"listen", "control-plane-listen", "otlp-grpc-listen", "otlp-http-listen", "store-listen"}
	ports, err := freeport.Find(t.Context(), len(names))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		out[name] = ports[i].String()
	}
	return out
}

// upArgs is a command line of `sightline up` in a directory of its own.
func upArgs(t *testing.T, at map[string]string, more ...string) []string {
	t.Helper()
	args := []string{"up", "--dir", t.TempDir()}
	for name, address := range at {
		args = append(args, "--"+name, address)
	}
	return append(args, more...)
}
