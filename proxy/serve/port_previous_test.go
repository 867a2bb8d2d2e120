package serve

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// TestSidecarOfThePreviousVersionIsCalled beside one with several ports: it says that it has
// one and knows no server name. It is asked for its one port, without a name, and never
// for another.
func TestSidecarOfThePreviousVersionIsCalled(t *testing.T) {
	m := newPorted(t)
	answer := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "old") } //nolint:errcheck // the client checks
	old := startSidecar(t, m.authority, InboundConfig{Apps: []App{{Address: startApp(t, app{Handler: http.HandlerFunc(answer)})}}})
	m.snap.Instances = append(m.snap.Instances, mesh.Instance{
		ID: "reviews-0", Service: "reviews", Identity: reviewsIdentity, Version: "v0", Address: old.addr, State: mesh.Ready, AppPort: m.first,
	})
	var err error
	if m.table, err = route.Compile([]mesh.Snapshot{m.snap}); err != nil {
		t.Fatal(err)
	}
	m.set.Update([]mesh.Snapshot{m.snap})
	var mu sync.Mutex
	names := map[mesh.InstanceID]map[string]bool{"reviews-0": {}, "reviews-1": {}}
	dial := m.out.deps.Dial
	m.out.deps.Dial = func(ctx context.Context, to *upstream.Instance, alpn string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		names[to.Info.ID][ServerName(to.Port, to.Info.Service)] = true
		return dial(ctx, to, alpn)
	}
	for name, c := range map[string]*http.Client{"HTTP/1.1": m.client(t), "HTTP/2": m.client2(t)} {
		heard := map[string]bool{}
		for range 40 {
			got := m.ask(t, c, "reviews")
			if got.status != http.StatusOK {
				t.Fatalf("%s: %+v", name, got)
			}
			heard[strings.Fields(got.body)[0]] = true
			if got := m.ask(t, c, m.host(m.admin)); got.status != http.StatusOK || !strings.HasPrefix(got.body, "admin") {
				t.Fatalf("%s, admin: %+v", name, got)
			}
		}
		if !heard["old"] || !heard["first"] || len(heard) != 2 {
			t.Errorf("%s: the first port was answered by %v, want both sidecars", name, heard)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if n := names["reviews-0"]; len(n) != 1 || !n[""] {
		t.Errorf("the older sidecar was asked for %v, want no name at all", n)
	}
}

// TestSidecarOfThePreviousVersionCalls one with several ports, and gets the first, whatever
// the modes of the others are.
func TestSidecarOfThePreviousVersionCalls(t *testing.T) {
	for name, guard := range map[string]func(m *ported) *Guard{
		"STRICT":                 func(*ported) *Guard { return &Guard{} },
		"PERMISSIVE":             func(*ported) *Guard { return &Guard{MTLS: Permissive} },
		"PERMISSIVE but another": func(m *ported) *Guard { return &Guard{MTLS: Permissive, PortMTLS: map[uint16]MTLS{m.admin: Strict}} },
		"STRICT but another":     func(m *ported) *Guard { return &Guard{PortMTLS: map[uint16]MTLS{m.admin: Disable}} },
	} {
		t.Run(name, func(t *testing.T) {
			m := newPorted(t)
			m.sidecars[0].guard.Store(guard(m))
			cfg := m.authority.config(t, "productpage")
			cfg.InsecureSkipVerify, cfg.NextProtos = true, []string{"http/1.1"} // as they did, without a server name
			c, err := tls.Dial("tcp", m.sidecars[0].addr.String(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || !strings.HasPrefix(string(body), "first") {
				t.Errorf("%d %q, want an answer of the first port", res.StatusCode, body)
			}
		})
	}
}
