package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tourPorts are the stable ports that the tour uses, as a reader's machine would.
var tourPorts = []string{"8080", "15012", "4317", "4318", "8123", "9001", "9002", "9003", "9101"}

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// tour is the README's five-minute tour, word for word, but for the build, which the
// tests have done.
func tour(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "## Five-minute tour")
	if !ok {
		t.Fatal("the README has no five-minute tour")
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	var script strings.Builder
	script.WriteString("set -e\n")
	for _, block := range shellBlock.FindAllStringSubmatch(section, -1) {
		script.WriteString(block[1])
	}
	built := strings.Replace(script.String(), "make build engine\n", "", 1)
	if built == script.String() {
		t.Fatal("the tour does not begin with a build")
	}
	return built
}

// TestTour follows the README and looks at what a reader would see.
func TestTour(t *testing.T) {
	program(t, "sightline")
	for _, port := range tourPorts {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatalf("the tour needs port %s: %v", port, err)
		}
		_ = l.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-c", tour(t))
	c.Dir = clone(t)
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = 30 * time.Second
	t.Cleanup(func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }) // what a tour that broke off left behind
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("tour: %v\n%s", err, out)
	}
	for _, want := range []string{
		"hello; files answered 200", // through three sidecars
		"files-v1-", "greeter-v1-",  // status
		"v2       10",                // weights
		"applied", `"v7" is unknown`, // the good manifest and the wrong one
		"traffic of files set to v1=90 v2=10", // events
		"/signin#token=",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the tour does not show %q", want)
		}
	}
	if t.Failed() {
		t.Logf("tour:\n%s", out)
	}
}

// clone is a directory that looks like a checkout to the tour, where it may leave its
// log files.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"bin", "deploy", "LICENSE"} {
		path, err := filepath.Abs(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
