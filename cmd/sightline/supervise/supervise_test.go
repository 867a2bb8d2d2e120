package supervise

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary is the child: the environment says which part it plays.
func TestMain(m *testing.M) {
	switch os.Getenv("SUPERVISE_PART") {
	case "sleep":
		touch()
		time.Sleep(time.Hour)
	case "die":
		touch()
		fmt.Println("part: this was an earlier complaint")
		fmt.Fprintf(os.Stderr, "starting\n%s: read settings: no such file\nand no other\n", filepath.Base(os.Args[0]))
		os.Exit(3)
	case "die later": // killed at first, as by a person
		touch()
		if started(os.Getenv("SUPERVISE_DIR")) > 1 {
			os.Exit(3)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "end":
		touch()
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		touch()
		time.Sleep(time.Hour)
	case "parent":
		c := child(nil, "sleep", os.Getenv("SUPERVISE_DIR"))
		_ = c.Run(context.Background())
	default:
		goleak.VerifyTestMain(m)
	}
}

// touch tells the test that this process lives, by a file named after it.
func touch() {
	_ = os.WriteFile(filepath.Join(os.Getenv("SUPERVISE_DIR"), strconv.Itoa(os.Getpid())), nil, 0o600)
}

func child(_ *testing.T, part, dir string) *Child {
	return &Child{
		Name: part, Path: os.Args[0], Out: io.Discard,
		Env:    append(os.Environ(), "SUPERVISE_PART="+part, "SUPERVISE_DIR="+dir),
		Logger: slog.New(slog.DiscardHandler), Grace: 300 * time.Millisecond,
	}
}

// await polls: what it waits for happens in another process.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const patience = time.Minute
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
		<-tick.C
	}
}

func started(dir string) int {
	files, _ := os.ReadDir(dir)
	return len(files)
}

// lives reports whether the process that c has now is the n-th to have started: it may
// tell so before c knows of it.
func lives(c *Child, dir string, n int) bool {
	_, err := os.Stat(filepath.Join(dir, strconv.Itoa(c.PID())))
	return err == nil && started(dir) == n
}

func run(t *testing.T, c *Child) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop = func() error { cancel(); return <-ended }
	return stop
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestKilledProcessComesBack(t *testing.T) {
	dir := t.TempDir()
	c := child(t, "sleep", dir)
	stop := run(t, c)
	await(t, "the first start", func() bool { return lives(c, dir, 1) })
	first := c.PID()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := 0
	await(t, "the second start", func() bool { second = c.PID(); return second != 0 && second != first && lives(c, dir, 2) })
	if err := stop(); err != nil {
		t.Errorf("Run = %v after being asked to end, want nil", err)
	}
	if second == first || alive(second) {
		t.Errorf("pids %d, then %d (alive %v); want a new one, ended", first, second, alive(second))
	}
}

func TestDyingProcessIsStartedAgain(t *testing.T) {
	for _, c := range []struct {
		part   string
		steady time.Duration
	}{
		{"die later", 0},         // what ends later starts is not the configuration
		{"die", time.Nanosecond}, // it had been up for long enough
		{"end", 0},               // it did not complain
	} {
		t.Run(c.part, func(t *testing.T) {
			dir := t.TempDir()
			p := child(t, c.part, dir)
			p.Steady = c.steady
			stop := run(t, p)
			await(t, "three starts", func() bool { return started(dir) >= 3 })
			if err := stop(); err != nil {
				t.Error(err)
			}
			if p.Starts() < 3 {
				t.Errorf("Starts() = %d, want at least 3", p.Starts())
			}
		})
	}
}

func TestFirstStartThatGivesUpSaysWhy(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	c := child(t, "die", dir)
	c.Out = &log
	err := c.Run(t.Context())
	if want := "run die: exit status 3: read settings: no such file\nand no other"; err == nil || err.Error() != want {
		t.Errorf("Run = %v, want %q", err, want)
	}
	if n := started(dir); n != 1 {
		t.Errorf("%d starts, want one", n)
	}
	if !strings.Contains(log.String(), "starting\n") {
		t.Errorf("what it wrote is not passed on: %q", log.String())
	}
}

func TestReasonIsTheLastThatWasSaid(t *testing.T) {
	for said, want := range map[string]string{
		"":                                      "",
		"level=INFO msg=starting\nout of air\n": "out of air",
		"p: one\nlevel=INFO\np: two\nand three\n":   "two\nand three",
		strings.Repeat("x\n", mostKept) + "p: late": "late",
	} {
		var kept bytes.Buffer
		s := &tail{to: &kept}
		for line := range strings.Lines(said) {
			_, _ = s.Write([]byte(line))
		}
		if got := s.reason("p: "); got != want || len(s.last) > mostKept {
			t.Errorf("reason of %.40q = %q (%d bytes kept), want %q", said, got, len(s.last), want)
		}
		if kept.String() != said {
			t.Errorf("%d bytes passed on of %d", kept.Len(), len(said))
		}
	}
}

func TestDeafProcessIsKilled(t *testing.T) {
	dir := t.TempDir()
	c := child(t, "deaf", dir)
	stop := run(t, c)
	await(t, "the start", func() bool { return lives(c, dir, 1) })
	pid := c.PID()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if alive(pid) {
		t.Errorf("process %d ignores SIGTERM and still lives", pid)
	}
}

func TestMissingProgramIsNamed(t *testing.T) {
	c := child(t, "sleep", t.TempDir())
	c.Path = "/does/not/exist"
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "/does/not/exist") {
		t.Errorf("Run = %v, want the path in it", err)
	}
}

func TestChildEndsWhenItsParentIsKilled(t *testing.T) {
	dir := t.TempDir()
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), "SUPERVISE_PART=parent", "SUPERVISE_DIR="+dir)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the grandchild", func() bool { return started(dir) == 1 })
	files, _ := os.ReadDir(dir)
	pid, _ := strconv.Atoi(files[0].Name())
	_ = parent.Process.Kill()
	_ = parent.Wait()
	await(t, "the grandchild's end", func() bool { return !alive(pid) })
}
