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

// tourPorts are the stable ports that the tour and the guides use, as a reader's machine would.
var tourPorts = []string{"8080", "15012", "4317", "4318", "8123", "9001", "9002", "9003", "9101", "9102", "9103"}

// shellBlock is a block that a reader is to type, in a list or not.
var shellBlock = regexp.MustCompile("(?ms)^( *)```sh\n(.*?)```")

// script is what the text has in its blocks, word for word, but for the build, which the
// tests have done.
func script(t *testing.T, text string) string {
	t.Helper()
	var script strings.Builder
	script.WriteString("set -e\n")
	for _, block := range shellBlock.FindAllStringSubmatch(text, -1) {
		indent := block[1]
		for line := range strings.Lines(block[2]) {
			script.WriteString(strings.TrimPrefix(line, indent))
		}
	}
	built := strings.Replace(script.String(), "make build engine\n", "", 1)
	if built == script.String() {
		t.Fatal("the text does not begin with a build")
	}
	return built
}

// TestTour follows the README and looks at what a reader would see.
func TestTour(t *testing.T) {
	_, rest, ok := strings.Cut(text(t, "README.md"), "## Five-minute tour")
	if !ok {
		t.Fatal("the README has no five-minute tour")
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	walk(t, section,
		"hello; files answered 200", // through three sidecars
		"files-v1-", "greeter-v1-",  // status
		"v2       10",                // weights
		"applied", `"v7" is unknown`, // the good manifest and the wrong one
		"traffic of files set to v1=90 v2=10", // events
		"/signin#token=",
	)
}

// TestCanaryGuide follows the example of a canary, and looks at what a reader would see.
func TestCanaryGuide(t *testing.T) {
	out := walk(t, text(t, "deploy", "examples", "canary", "README.md"),
		"3 warnings.",                        // v2 has no instance yet
		"traffic of menu set to v1=90 v2=10", // history
		"Replayed ",                          // what the policy would have done
		"Status 403 was made by the sidecar of menu: RBAC: access denied by default: no rule fits of ALLOW policy default/menu-readers", // why
		"CONFIGURED BY  AuthorizationPolicy default/menu-readers",                                                                       // describe
	)
	for want, times := range map[string]int{
		"\nsoup\ncurry\n":         1, // everybody, and who previews
		"RBAC: access denied":     3, // to a DELETE, to a visitor, and why
		"curl: (":                 2, // plain text, and TLS without a certificate of the mesh
		"applied DestinationRule": 1, // history
	} {
		if n := strings.Count(out, want); n < times {
			t.Errorf("the guide shows %q %d times, want %d:\n%s", want, n, times, out)
		}
	}
}

// TestControlPlanesGuide follows the guide of three control planes, under its own load.
func TestControlPlanesGuide(t *testing.T) {
	const build = "go build -o bin/etcd go.etcd.io/etcd/server/v3\n"
	guide := text(t, "deploy", "examples", "three-control-planes", "README.md")
	if !strings.Contains(guide, build) {
		t.Fatal("the guide does not build an etcd")
	}
	c := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join("bin", "etcd"), "go.etcd.io/etcd/server/v3")
	c.Dir = filepath.Join("..", "..")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build etcd: %v: %s", err, out)
	}
	out := walk(t, strings.Replace(guide, build, "", 1),
		"\nnothing failed\n",
		"applied PeerAuthentication default/default", // while a member of the etcd is away
		", with the CA\n",                            // the backup
	)
	if n := strings.Count(out, "All is well."); n != 2 {
		t.Errorf("all is well %d times, want at the start and at the end:\n%s", n, out)
	}
}

func text(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// walk runs what a text tells its reader to type; what it shows is to have each of wants.
func walk(t *testing.T, text string, wants ...string) string {
	t.Helper()
	program(t, "sightline")
	for _, port := range tourPorts {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatalf("the text needs port %s: %v", port, err)
		}
		_ = l.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-c", script(t, text))
	c.Dir = clone(t)
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = 30 * time.Second
	t.Cleanup(func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }) // what a tour that broke off left behind
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("walk: %v\n%s", err, out)
	}
	for _, want := range wants {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not shown", want)
		}
	}
	if t.Failed() {
		t.Logf("shown:\n%s", out)
	}
	return string(out)
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
