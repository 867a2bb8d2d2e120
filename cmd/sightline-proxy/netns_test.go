package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The network of the test of interception: the caller's machine, one with services of
// the mesh, and another one.
const (
	callerHere, callerThere = "10.78.1.1", "10.78.2.1" // of the caller on the wire to each
	stock4, stock6          = "10.78.1.2", "fd78:1::2"
	cache4, cache6          = "10.78.2.2", "fd78:2::2"
)

// Of the program that runs inside the caller's namespace: the names of the others, and
// the host it listens on.
const inside, hostOfTest = "SIGHTLINE_TEST_NETNS", "SIGHTLINE_TEST_HOST"

// TestInterception makes network namespaces and runs TestIntercepted in one of them.
func TestInterception(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: cannot make network namespaces")
	}
	for _, tool := range []string{"ip", "nft", "iptables", "ip6tables", "setpriv", "curl", "python3", "redis-server", "redis-cli"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: run loadtest/install-tools.sh", tool)
		}
	}
	names := make([]string, 3)
	for i, n := range []string{"caller", "stock", "cache"} {
		names[i] = fmt.Sprintf("sightline-%d-%s", os.Getpid(), n)
		if out, err := exec.CommandContext(t.Context(), "ip", "netns", "add", names[i]).CombinedOutput(); err != nil {
			t.Skipf("network namespaces cannot be made here: %v: %s", err, out)
		}
		t.Cleanup(func() {
			if out, err := exec.Command("ip", "netns", "del", names[i]).CombinedOutput(); err != nil { // the test's context has ended
				t.Errorf("delete namespace: %v: %s", err, out)
			}
		})
	}
	wire(t, names)
	self := program(t)
	cmd := exec.CommandContext(t.Context(), "ip", "netns", "exec", names[0], self, "-test.run=^TestIntercepted$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), inside+"="+strings.Join(names[1:], ","), hostOfTest+"="+callerHere, "PATH=/usr/sbin:/sbin:"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: TestIntercepted") {
		t.Errorf("inside: %v", err)
	}
}

// wire connects the namespaces and tells the first the names of services.
func wire(t *testing.T, names []string) {
	t.Helper()
	steps := [][]string{{"-n", names[0], "link", "set", "lo", "up"}}
	for i, n := range names[1:] {
		here, at := fmt.Sprintf("wire%d", i+1), strconv.Itoa(i+1)
		steps = append(steps,
			[]string{"-n", n, "link", "set", "lo", "up"},
			[]string{"link", "add", here, "netns", names[0], "type", "veth", "peer", "name", "wire", "netns", n},
			[]string{"-n", names[0], "address", "add", "10.78." + at + ".1/24", "dev", here},
			[]string{"-n", n, "address", "add", "10.78." + at + ".2/24", "dev", "wire"},
			[]string{"-n", names[0], "address", "add", "fd78:" + at + "::1/64", "dev", here, "nodad"},
			[]string{"-n", n, "address", "add", "fd78:" + at + "::2/64", "dev", "wire", "nodad"},
			[]string{"-n", names[0], "link", "set", here, "up"},
			[]string{"-n", n, "link", "set", "wire", "up"},
			[]string{"-n", n, "route", "add", "default", "via", "10.78." + at + ".1"})
	}
	for _, step := range steps {
		if out, err := exec.CommandContext(t.Context(), "ip", step...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(step, " "), err, out)
		}
	}
	etc := filepath.Join("/etc/netns", names[0]) // ip netns exec lays it over /etc
	if err := os.MkdirAll(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(etc); _ = os.Remove("/etc/netns") })
	hosts := "127.0.0.1 localhost\n" + stock4 + " stock four.stock\n" + stock6 + " stock six.stock\n" + cache4 + " cache\n" + cache6 + " cache\n"
	if err := os.WriteFile(filepath.Join(etc, "hosts"), []byte(hosts), 0o644); err != nil { //nolint:gosec // everyone reads it
		t.Fatal(err)
	}
}

// program is a copy of this program that every user may run.
func program(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sightline-netns-") //nolint:usetesting // another user is to get there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "sightline-proxy")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, b, 0o755)); err != nil { //nolint:gosec // everyone runs it
		t.Fatal(err)
	}
	return path
}

// actGreet is a server that speaks first: it greets, then repeats what it is told, in
// capitals, until its client has ended.
func actGreet(addr string) int {
	l, err := net.Listen("tcp", addr)
	for err == nil {
		var c net.Conn
		if c, err = l.Accept(); err != nil {
			break
		}
		go func() {
			defer func() { _ = c.Close() }()
			fmt.Fprint(c, "220 greeter\r\n")
			all, _ := io.ReadAll(c)
			fmt.Fprint(c, strings.ToUpper(string(all)))
		}()
	}
	fmt.Println("app:", err)
	return 1
}
