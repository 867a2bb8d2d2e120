package serve

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// h2spec runs the conformance tests of HTTP/2 against a listener. It is installed by
// loadtest/install-tools.sh.
func h2spec(t *testing.T, addr string, sections ...string) {
	t.Helper()
	program, err := exec.LookPath("h2spec")
	if err != nil {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		program = filepath.Join(cache, "sightline", "tools", "h2spec")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	args := append([]string{"--strict", "-h", host, "-p", port, "-o", "5"}, sections...)
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), ", 0 failed") {
		t.Errorf("h2spec: %v\n%s", err, out)
	}
}

func TestConformance(t *testing.T) {
	if os.Getenv("SIGHTLINE_E2E") == "" {
		t.Skip("set SIGHTLINE_E2E=1 and run loadtest/install-tools.sh")
	}
	m := newMesh(t, meshConfig{}, to(t, "reviews"))
	t.Run("outbound", func(t *testing.T) {
		l := loopback(t)
		run(t, func(ctx context.Context) error { return m.out.ServeFixed(ctx, l, "reviews") })
		// All but 3.5/2: what does not begin with the preface is HTTP/1.1 on this port, and
		// is answered so.
		h2spec(t, l.Addr().String(), "generic", "hpack", "http2/3.5/1",
			"http2/4", "http2/5", "http2/6", "http2/7", "http2/8")
	})
	t.Run("inbound", func(t *testing.T) {
		cfg := m.authority.config(t, "productpage")
		cfg.ServerName, cfg.NextProtos = "reviews", []string{"h2"}
		h2spec(t, wrapped(t, m.sidecars[0].addr.String(), cfg))
	})
}

// wrapped is the address of a plaintext door to a port of mutual TLS: bytes pass as
// they are.
func wrapped(t *testing.T, addr string, cfg *tls.Config) string {
	t.Helper()
	l := loopback(t)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer near.Close()
				far, err := tls.Dial("tcp", addr, cfg)
				if err != nil {
					t.Errorf("dial %s: %v", addr, err)
					return
				}
				defer far.Close()
				var both sync.WaitGroup
				both.Go(func() {
					io.Copy(far, near) //nolint:errcheck // the ends of both are what the program looks at
					far.CloseWrite()   //nolint:errcheck // as above
				})
				io.Copy(near, far) //nolint:errcheck // as above
				near.Close()
				both.Wait()
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}
