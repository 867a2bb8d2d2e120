package serve

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// plainly asks in plaintext, on a connection of its own, and returns the answer's first
// line; "" where the connection was closed.
func plainly(t *testing.T, addr string) string {
	t.Helper()
	c := dialTCP(t, addr)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n"); err != nil {
		return ""
	}
	b, _ := io.ReadAll(c)
	line, _, _ := strings.Cut(string(b), "\r\n")
	return line
}

// TestEachPortTakesWhatItsModeSays. Plaintext to the inbound listener is for the first
// port, as it cannot name one; a handshake names its port, and is taken there whatever the
// first port's mode is.
func TestEachPortTakesWhatItsModeSays(t *testing.T) {
	for name, tt := range map[string]struct {
		all, first, admin MTLS
		plain             bool // plaintext to the first port is taken
		secured           int  // status of a request to the first port with mutual TLS
	}{
		"STRICT but for another": {Strict, Strict, Permissive, false, 200},
		"the first PERMISSIVE":   {Strict, Permissive, Strict, true, 200},
		"the first DISABLE":      {Strict, Disable, Strict, true, 503},
		"the first STRICT":       {Permissive, Strict, Permissive, false, 200},
		"all DISABLE":            {Disable, Disable, Disable, true, 503},
	} {
		t.Run(name, func(t *testing.T) {
			m := newPorted(t)
			side := m.sidecars[0]
			side.guard.Store(&Guard{MTLS: tt.all, PortMTLS: map[uint16]MTLS{m.first: tt.first, m.admin: tt.admin, m.echo: tt.all}})
			if got := plainly(t, side.addr.String()); (got == "HTTP/1.1 200 OK") != tt.plain {
				t.Errorf("plaintext is answered %q", got)
			}
			for client, c := range map[string]*http.Client{"HTTP/1.1": m.client(t), "HTTP/2": m.client2(t)} {
				if got := m.ask(t, c, m.host(m.admin)); got.status != 200 || !strings.HasPrefix(got.body, "admin") {
					t.Errorf("%s, admin: %+v", client, got)
				}
				if got := m.ask(t, c, "reviews"); got.status != tt.secured {
					t.Errorf("%s, first: %+v, want %d", client, got, tt.secured)
				}
			}
			echo := dialTCP(t, m.fixed(t, Port{Service: "reviews", Number: m.echo}))
			if _, err := io.WriteString(echo, "hello\n"); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(echo).ReadString('\n'); line != "hello\n" {
				t.Errorf("echo: %q, %v", line, err)
			}
		})
	}
}

// TestPlaintextEndsWhereItsPortForbidsIt although another port still takes some.
func TestPlaintextEndsWhereItsPortForbidsIt(t *testing.T) {
	m := newPorted(t)
	side := m.sidecars[0]
	side.guard.Store(&Guard{MTLS: Permissive})
	idle, busy := dialTCP(t, side.addr.String()), dialTCP(t, side.addr.String())
	for _, c := range []net.Conn{idle, busy} {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != http.StatusOK {
			t.Fatalf("status %d", res.StatusCode)
		}
	}
	side.guard.Store(&Guard{MTLS: Permissive, PortMTLS: map[uint16]MTLS{m.first: Strict}})
	io.WriteString(busy, "GET / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n") //nolint:errcheck // it may be closed already
	if rest, _ := io.ReadAll(busy); len(rest) > 0 && !strings.HasPrefix(string(rest), "HTTP/1.1 403") {
		t.Errorf("a request on a kept connection: %q", rest)
	}
	if rest, err := io.ReadAll(idle); len(rest) > 0 || err != nil {
		t.Errorf("an idle connection: %q, %v; want its end", rest, err)
	}
}
