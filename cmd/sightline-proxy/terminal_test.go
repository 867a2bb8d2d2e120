package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pseudoTerminal is a terminal, and the end that a person would sit at.
func pseudoTerminal(t *testing.T) (person, terminal *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return person, terminal
}

// atTerminal runs a sidecar with an app as a person does at a terminal, and returns the
// person's end of it.
func (p *plant) atTerminal(app ...string) (*workloadProcess, *bufio.Reader, *os.File) {
	p.Helper()
	person, terminal := pseudoTerminal(p.T)
	w := p.prepare("hello", p.TempDir(), app...)
	w.cmd.Stdin, w.cmd.Stdout = terminal, terminal
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	w.launch()
	return w, bufio.NewReader(person), person
}

// hears reads lines until one has the text.
func (w *workloadProcess) hears(r *bufio.Reader, text string) {
	w.Helper()
	found := make(chan error, 1)
	go func() {
		for {
			line, err := r.ReadString('\n')
			if err != nil || strings.Contains(line, text) {
				found <- err
				return
			}
		}
	}()
	select {
	case err := <-found:
		if err != nil {
			w.Fatalf("%q is not said: %v", text, err)
		}
	case <-time.After(patience):
		w.Fatalf("%q is not said within %v", text, patience)
	}
}

// An app that reads from the terminal gets it, as from a shell; what is typed reaches it,
// and so does an interrupt. The status is the app's.
func TestAppReadsFromTheTerminal(t *testing.T) {
	p := newPlant(t)
	w, said, person := p.atTerminal("repeat")
	w.hears(said, "ready")
	fmt.Fprintln(person, "good morning")
	w.hears(said, "the app heard good morning")
	fmt.Fprint(person, "\x03")
	w.hears(said, "interrupted")
	if status := w.wait(); status != 9 {
		t.Errorf("status %d, want the app's 9", status)
	}
}

// An app that does not read from the terminal stays in the background: an interrupt
// reaches the sidecar, which ends the app in order.
func TestInterruptAtTheTerminalEndsTheAppInOrder(t *testing.T) {
	p := newPlant(t)
	up := filepath.Join(t.TempDir(), "up")
	w, _, person := p.atTerminal("idle", up)
	w.eventually("the app is up", func() bool { _, err := os.Stat(up); return err == nil })
	fmt.Fprint(person, "\x03")
	if status := w.wait(); status != 0 {
		t.Errorf("status %d, want that of an app that ended in order", status)
	}
}

// Who asks a second time does not want to wait: the app is killed, and the status says by
// which signal it was.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	for second, want := range map[syscall.Signal]int{syscall.SIGTERM: 128 + 15, syscall.SIGINT: 128 + 2} {
		p := newPlant(t)
		up := filepath.Join(t.TempDir(), "up")
		w := p.run("hello", t.TempDir(), "deaf", up)
		w.eventually("the app is up", func() bool { _, err := os.Stat(up); return err == nil })
		pid, err := os.ReadFile(up)
		if err != nil {
			t.Fatal(err)
		}
		must(t, w.cmd.Process.Signal(syscall.SIGTERM))
		w.eventually("the first signal has reached the app", func() bool {
			b, err := os.ReadFile(up)
			return err == nil && strings.HasSuffix(string(b), "asked")
		})
		began := time.Now()
		if status := w.stop(second); status != want || time.Since(began) > 10*time.Second {
			t.Errorf("%v: status %d after %v, want %d at once", second, status, time.Since(began), want)
		}
		w.eventually("the app has ended, too", func() bool { return exec.Command("kill", "-0", string(pid)).Run() != nil })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
