package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// apart is a network of its own, in which the kernel redirects connections to ports of the
// app to a listener.
type apart struct{ do chan func() }

// newApart makes one, or skips the test where that may not be. Sockets stay in the network
// that they were made in, whichever thread uses them.
func newApart(t *testing.T) *apart {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("there is no nft to redirect connections with")
	}
	a, ready := &apart{do: make(chan func())}, make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		ready <- unix.Unshare(unix.CLONE_NEWNET)
		for f := range a.do {
			f()
		}
	}()
	t.Cleanup(func() { close(a.do) })
	if err := <-ready; err != nil {
		t.Skipf("no network of its own: %v", err)
	}
	a.run(t, "ip", "link", "set", "lo", "up")
	return a
}

// in runs f in the network, and waits for it.
func (a *apart) in(f func()) {
	done := make(chan struct{})
	a.do <- func() {
		defer close(done)
		f()
	}
	<-done
}

func (a *apart) run(t *testing.T, name string, args ...string) {
	t.Helper()
	a.in(func() {
		if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
			t.Errorf("%s %v: %v\n%s", name, args, err, out)
		}
	})
}

// redirect serves what is going to these ports by the sidecar.
func (a *apart) redirect(t *testing.T, s *sidecar, ports ...uint16) {
	t.Helper()
	var l net.Listener
	var err error
	a.in(func() {
		l, err = new(net.ListenConfig).Listen(context.WithoutCancel(t.Context()), "tcp", "127.0.0.1:0")
	})
	if err != nil {
		t.Fatal(err)
	}
	to := l.Addr().(*net.TCPAddr).Port
	a.run(t, "nft", "add table ip t")
	a.run(t, "nft", "add chain ip t out { type nat hook output priority -100; }")
	for _, p := range ports {
		a.run(t, "nft", fmt.Sprintf("add rule ip t out tcp dport %d redirect to :%d", p, to))
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- s.in.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func (a *apart) dial(t *testing.T, port uint16) net.Conn {
	t.Helper()
	var c net.Conn
	var err error
	a.in(func() { c, err = new(net.Dialer).DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestModesOfPortsOnRedirectedConnections: plaintext that the kernel redirected is for the
// port it was going to, and taken as that one's mode says, whatever the first port's is.
func TestModesOfPortsOnRedirectedConnections(t *testing.T) {
	a, m := newApart(t), newPorted(t)
	side := m.sidecars[0]
	a.redirect(t, side, m.first, m.admin, m.echo)
	for name, tt := range map[string]struct {
		guard              Guard
		first, admin, echo bool // plaintext to it is taken
	}{
		"STRICT":                 {Guard{}, false, false, false},
		"STRICT but for admin":   {Guard{PortMTLS: map[uint16]MTLS{m.admin: Permissive}}, false, true, false},
		"STRICT but for echo":    {Guard{PortMTLS: map[uint16]MTLS{m.echo: Disable}}, false, false, true},
		"PERMISSIVE, not admin":  {Guard{MTLS: Permissive, PortMTLS: map[uint16]MTLS{m.admin: Strict}}, true, false, true},
		"DISABLE, but for first": {Guard{MTLS: Disable, PortMTLS: map[uint16]MTLS{m.first: Strict}}, false, true, true},
	} {
		side.guard.Store(&tt.guard)
		for _, p := range []struct {
			port  uint16
			taken bool
			body  string
		}{{m.first, tt.first, "first as reviews"}, {m.admin, tt.admin, "admin as reviews"}} {
			c := a.dial(t, p.port)
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n") //nolint:errcheck // it may be closed already
			got, _ := io.ReadAll(c)
			if taken := strings.HasPrefix(string(got), "HTTP/1.1 200") && strings.HasSuffix(string(got), p.body); taken != p.taken || !taken && len(got) > 0 {
				t.Errorf("%s: port of %q is answered %q, want taken %v", name, p.body, got, p.taken)
			}
		}
		c := a.dial(t, m.echo)
		io.WriteString(c, "hello\n") //nolint:errcheck // it may be closed already
		if line, _ := bufio.NewReader(c).ReadString('\n'); (line == "hello\n") != tt.echo {
			t.Errorf("%s: echo says %q, want taken %v", name, line, tt.echo)
		}
	}
}
