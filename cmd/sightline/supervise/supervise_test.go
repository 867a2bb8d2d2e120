package supervise

import (
	"context"
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
		os.Exit(3)
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
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s for %s", what)
		}
		<-tick.C
	}
}

func started(dir string) int {
	files, _ := os.ReadDir(dir)
	return len(files)
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
	await(t, "the first start", func() bool { return started(dir) == 1 })
	first := c.PID()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "the second start", func() bool { return started(dir) == 2 })
	second := c.PID()
	if err := stop(); err != nil {
		t.Errorf("Run = %v after being asked to end, want nil", err)
	}
	if second == first || alive(second) {
		t.Errorf("pids %d, then %d (alive %v); want a new one, ended", first, second, alive(second))
	}
}

func TestDyingProcessIsStartedAgain(t *testing.T) {
	dir := t.TempDir()
	c := child(t, "die", dir)
	stop := run(t, c)
	await(t, "three starts", func() bool { return started(dir) >= 3 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if c.Starts() < 3 {
		t.Errorf("Starts() = %d, want at least 3", c.Starts())
	}
}

func TestOnceReturnsTheEnd(t *testing.T) {
	c := child(t, "die", t.TempDir())
	c.Once = true
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("Run = %v, want exit status 3", err)
	}
}

func TestDeafProcessIsKilled(t *testing.T) {
	dir := t.TempDir()
	c := child(t, "deaf", dir)
	stop := run(t, c)
	await(t, "the start", func() bool { return started(dir) == 1 })
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
	c.Path, c.Once = "/does/not/exist", true
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
