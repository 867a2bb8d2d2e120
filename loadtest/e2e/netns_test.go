package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/deploy"
	"github.com/sightline-mesh/sightline/ui/session"
)

// host is a network namespace that stands for a machine: it has its own loopback,
// ports and state directory, and one wire to the other host.
type host struct {
	namespace string
	state     string // XDG_STATE_HOME
	work      string // the example's files; both hosts see the same, as if each had a copy
}

// twoHosts makes the namespaces and the wire between them, until the test ends.
func twoHosts(t *testing.T) (a, b *host) {
	t.Helper()
	program(t, "sightline") // skips where end-to-end tests are not wanted
	if os.Geteuid() != 0 {
		t.Skip("not root: cannot make network namespaces")
	}
	work := t.TempDir()
	if err := os.CopyFS(work, example(t)); err != nil {
		t.Fatal(err)
	}
	both := make([]*host, 2)
	for i, name := range []string{"a", "b"} {
		h := &host{namespace: fmt.Sprintf("sightline-%d-%s", os.Getpid(), name), state: t.TempDir(), work: work}
		if out, err := run(t, "ip", "netns", "add", h.namespace); err != nil {
			t.Skipf("network namespaces cannot be made here: %v: %s", err, out)
		}
		t.Cleanup(func() {
			// Not by run: the test's context has ended by now.
			if out, err := exec.Command("ip", "netns", "del", h.namespace).CombinedOutput(); err != nil {
				t.Errorf("delete namespace: %v: %s", err, out)
			}
		})
		both[i] = h
	}
	a, b = both[0], both[1]
	for _, step := range [][]string{
		{"link", "add", "wire", "netns", a.namespace, "type", "veth", "peer", "name", "wire", "netns", b.namespace},
		{"-n", a.namespace, "address", "add", addrA + "/24", "dev", "wire"},
		{"-n", b.namespace, "address", "add", addrB + "/24", "dev", "wire"},
		{"-n", a.namespace, "link", "set", "lo", "up"},
		{"-n", b.namespace, "link", "set", "lo", "up"},
		{"-n", a.namespace, "link", "set", "wire", "up"},
		{"-n", b.namespace, "link", "set", "wire", "up"},
	} {
		if out, err := run(t, "ip", step...); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(step, " "), err, out)
		}
	}
	return a, b
}

// example is the directory of the example, as shipped.
func example(t *testing.T) fs.FS {
	t.Helper()
	files, err := fs.Sub(deploy.Files, "examples/two-hosts")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// inside is the command line that runs a shell's line on a host, in the example's
// directory, with the programs of bin/ on the path and no proxy of this machine's.
func (h *host) inside(t *testing.T, line string) []string {
	t.Helper()
	bin := filepath.Dir(program(t, "sightline"))
	return []string{
		"netns", "exec", h.namespace, "env", "--chdir=" + h.work,
		"-u", "http_proxy", "-u", "HTTP_PROXY", "-u", "no_proxy", "-u", "NO_PROXY",
		"XDG_STATE_HOME=" + h.state, "PATH=" + bin + ":" + os.Getenv("PATH"),
		"sh", "-c", line,
	}
}

// start runs a line until the test ends. The program it starts takes the shell's
// place, so that it is the one that is told to end.
func (h *host) start(t *testing.T, line string) *running {
	t.Helper()
	return start(t, "ip", h.inside(t, programs.ReplaceAllString(line, "exec $0"))...)
}

var programs = regexp.MustCompile(`sightline up|sightline-proxy run`)

// sh runs a line to its end and returns what it printed.
func (h *host) sh(t *testing.T, line string) (string, error) {
	t.Helper()
	return run(t, "ip", h.inside(t, line)...)
}

// get asks the API on this host's loopback.
func (h *host) get(t *testing.T, path string, out any) {
	t.Helper()
	token := filepath.Join(h.state, "sightline", "ui", session.TokenFile)
	line := fmt.Sprintf(`curl -sS --fail-with-body -m 20 -H "Authorization: Bearer $(cat %s)" 'http://127.0.0.1:8080%s'`, token, path)
	b, err := h.sh(t, line)
	if err == nil {
		err = json.Unmarshal([]byte(b), out)
	}
	if err != nil {
		t.Fatalf("GET %s: %v: %s", path, err, b)
	}
}
