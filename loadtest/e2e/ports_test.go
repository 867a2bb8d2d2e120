package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	core "github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/loadtest/shop/ratingspb"
)

// twoPorts is a workload that speaks HTTP on its first port and gRPC on its second.
type twoPorts struct {
	inbound   string
	web, grpc string // the numbers
}

// joinTwoPorts brings it into the mesh: two programs behind one sidecar, each on a port.
func (m *mesh) joinTwoPorts(t *testing.T) twoPorts {
	t.Helper()
	token, err := m.command(t, "token", "create", "--service", "duo", "--namespace", "twin", "--uses", "1")
	if err != nil {
		t.Fatalf("token: %v\n%s", err, token)
	}
	p := freePorts(t, 5)
	start(t, program(t, "sightline-shop"), "--service", "ratings", "--listen", p[1])
	w := twoPorts{inbound: p[3]}
	_, w.web, _ = net.SplitHostPort(p[0])
	_, w.grpc, _ = net.SplitHostPort(p[1])
	c := exec.Command(program(t, "sightline-proxy"), "run", "--namespace", "twin", "--service", "duo", "--version", "v1",
		"--instance", "duo-v1-1", "--port", "http="+w.web, "--port", "grpc-api="+w.grpc,
		"--outbound", p[2], "--inbound", p[3], "--admin", p[4],
		"--control-plane", m.controlPlane, "--collector", m.collector, "--dir", filepath.Join(t.TempDir(), "duo"),
		"--", program(t, "sightline-shop"), "--service", "users", "--listen", p[0])
	c.Env = append(c.Environ(), "SIGHTLINE_TOKEN="+strings.TrimSpace(token))
	startCommand(t, c)
	m.await(t, time.Minute, "duo to be ready", func() bool {
		var s struct{ Proxies []core.ProxyStatus }
		m.get(t, "/api/v1/proxies", &s)
		for _, one := range s.Proxies {
			if one.Instance.ID == "duo-v1-1" && one.Instance.State == core.Ready {
				return true
			}
		}
		return false
	})
	return w
}

// stars asks for a product's ratings over gRPC at a sidecar's outbound listener, and
// returns the field x-went-by of the answer as well.
func stars(t *testing.T, outbound, authority string, header ...string) (wentBy string, err error) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+outbound, grpc.WithAuthority(authority),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), header...), 10*time.Second)
	defer cancel()
	var head metadata.MD
	_, err = ratingspb.NewRatingsClient(conn).Get(ctx, &ratingspb.GetRequest{Product: "7"}, grpc.Header(&head))
	return strings.Join(head.Get("x-went-by"), ","), err
}

const duoRoutes = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: duo, namespace: twin}
spec:
  hosts: [duo]
  http:
  - match: [{headers: {to: {exact: grpc}}}]
    route: [{destination: {host: duo, port: {number: GRPC}}}]
    headers: {response: {set: {x-went-by: header}}}
  - match: [{port: GRPC}]
    route: [{destination: {host: duo}}]
    headers: {response: {set: {x-went-by: port}}}
  - route: [{destination: {host: duo}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: duo, namespace: twin}
spec:
  host: duo
  trafficPolicy:
    portLevelSettings:
    - {port: {number: GRPC}, connectionPool: {http: {http2MaxRequests: 50}}}
`

const duoDenied = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-grpc, namespace: twin}
spec: {action: DENY, rules: [{to: [{operation: {ports: ["GRPC"]}}]}]}
`

const duoModes = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: duo, namespace: twin}
spec:
  selector: {matchLabels: {version: v1}}
  mtls: {mode: STRICT}
  portLevelMtls: {WEB: {mode: PERMISSIVE}}
`

// TestAWorkloadWithTwoPorts has HTTP and gRPC behind one sidecar: asked for by port, routed
// by port, and with policies of each port.
func TestAWorkloadWithTwoPorts(t *testing.T) {
	m := startDemo(t, "--rps", "1")
	w := m.joinTwoPorts(t)
	manifest := strings.NewReplacer("GRPC", w.grpc, "WEB", w.web)
	caller := m.at["cart:v1"].Outbound
	web := through(caller)
	asked := func(host string, want int, text string) {
		t.Helper()
		if code, body := ask(t, web, "http://"+host+"/users/7"); code != want || !strings.Contains(body, text) {
			t.Errorf("%s answered %d %q, want %d with %q", host, code, body, want, text)
		}
	}
	t.Run("asked for by port", func(t *testing.T) {
		asked("duo.twin", http.StatusOK, "")
		asked("duo.twin:"+w.web, http.StatusOK, "")
		if _, err := stars(t, caller, "duo.twin:"+w.grpc); err != nil {
			t.Errorf("gRPC: %v", err)
		}
		asked("duo.twin:1", http.StatusNotFound, w.grpc+" (grpc-api)")
	})
	t.Run("told of", func(t *testing.T) {
		both := w.web + " (http), " + w.grpc + " (grpc-api)"
		for _, args := range [][]string{{"status"}, {"proxies"}, {"describe", "duo.twin"}} {
			if out, err := m.command(t, args...); !strings.Contains(out, both) {
				t.Errorf("%v does not tell of %q: %v\n%s", args, both, err, out)
			}
		}
	})
	t.Run("routed by port", func(t *testing.T) {
		m.mustApply(t, manifest.Replace(duoRoutes))
		if by, err := stars(t, caller, "duo.twin:"+w.grpc); err != nil || by != "port" {
			t.Errorf("by port: %q, %v", by, err)
		}
		if by, err := stars(t, caller, "duo.twin", "to", "grpc"); err != nil || by != "header" {
			t.Errorf("by header: %q, %v", by, err)
		}
		asked("duo.twin", http.StatusOK, "")
		out, err := m.apply(t, strings.Replace(manifest.Replace(duoRoutes), "port: {number: "+w.grpc+"}", "port: {number: 1}", 1))
		if err == nil || !strings.Contains(out, "1 is no port of duo.twin; it has") {
			t.Errorf("a route to no port of it: %v\n%s", err, out)
		}
	})
	t.Run("policy of a port", func(t *testing.T) {
		m.mustApply(t, manifest.Replace(duoDenied))
		if _, err := stars(t, caller, "duo.twin:"+w.grpc); status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "twin/no-grpc") {
			t.Errorf("gRPC: %v, want it denied by the policy", err)
		}
		asked("duo.twin", http.StatusOK, "")
	})
	t.Run("mutual TLS of a port", func(t *testing.T) {
		if got := plaintext(t, w.inbound); got != "" {
			t.Errorf("plaintext is answered %q", got)
		}
		m.mustApply(t, manifest.Replace(duoModes))
		if got := plaintext(t, w.inbound); !strings.Contains(got, "200 OK") {
			t.Errorf("plaintext to a port that takes it is answered %q", got)
		}
		asked("duo.twin", http.StatusOK, "") // with mutual TLS as before
	})
}

// plaintext asks an inbound listener without mutual TLS and returns all that it answers.
func plaintext(t *testing.T, inbound string) string {
	t.Helper()
	c, err := net.Dial("tcp", inbound)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, "GET /users/7 HTTP/1.1\r\nHost: duo\r\nConnection: close\r\n\r\n")
	b, _ := io.ReadAll(c)
	return string(b)
}
