package e2e

import (
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	core "github.com/sightline-mesh/sightline/controlplane/mesh"
)

// workload is a program of the user's in the mesh, beside the demo.
type workload struct {
	app, outbound string
}

// join puts a program into the mesh as people do: a token, a sidecar, the program.
func (m *mesh) join(t *testing.T, namespace, service, version string) workload {
	t.Helper()
	token, err := m.command(t, "token", "create", "--service", service, "--namespace", namespace, "--uses", "1")
	if err != nil {
		t.Fatalf("token: %v\n%s", err, token)
	}
	p := freePorts(t, 4)
	w := workload{app: p[0], outbound: p[1]}
	_, port, err := net.SplitHostPort(w.app)
	if err != nil {
		t.Fatal(err)
	}
	instance := strings.Trim(service+"-"+version+"-1", "-")
	c := exec.Command(program(t, "sightline-proxy"), "run", "--namespace", namespace, "--service", service, "--version", version,
		"--instance", instance, "--port", port, "--outbound", p[1], "--inbound", p[2], "--admin", p[3],
		"--control-plane", m.controlPlane, "--collector", m.collector, "--dir", filepath.Join(t.TempDir(), instance),
		"--", program(t, "sightline-shop"), "--service", "users", "--version", version, "--listen", w.app)
	c.Env = append(c.Environ(), "SIGHTLINE_TOKEN="+strings.TrimSpace(token))
	startCommand(t, c)
	m.await(t, 2*time.Minute, instance+" to be ready", func() bool {
		var s struct{ Proxies []core.ProxyStatus }
		m.get(t, "/api/v1/proxies", &s)
		for _, one := range s.Proxies {
			if string(one.Instance.ID) == instance && one.Instance.State == core.Ready {
				return true
			}
		}
		return false
	})
	return w
}

// has is how many requests the program says it has had.
func (w workload) has(t *testing.T) int {
	t.Helper()
	_, body := ask(t, http.DefaultClient, "http://"+w.app+"/_served")
	n, err := strconv.Atoi(strings.TrimSpace(body))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const ordersSubsets = `
apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata: {name: orders, namespace: production}
spec:
  host: orders
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
`

const ordersCanary = `
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: {name: orders, namespace: production}
spec:
  hosts: [orders]
  http:
  - match:
    - headers: {x-user-group: {exact: beta}}
    route:
    - destination: {host: orders, subset: v2}
      weight: 100
  - route:
    - destination: {host: orders, subset: v1}
      weight: 90
    - destination: {host: orders, subset: v2}
      weight: 10
    retries: {attempts: 3, perTryTimeout: 2s}
    timeout: 10s
`

// TestOwnServicesInANamespace brings programs that are not the demo's into the mesh,
// in a namespace of their own, and shapes their traffic.
func TestOwnServicesInANamespace(t *testing.T) {
	m := startDemo(t, "--rps", "1")
	v1, v2 := m.join(t, "production", "orders", "v1"), m.join(t, "production", "orders", "v2")
	caller := m.join(t, "production", "caller", "v1")
	m.mustApply(t, ordersSubsets+"---"+ordersCanary)
	client := through(caller.outbound)
	send := func(n int, header ...string) (first, second int) {
		t.Helper()
		a, b := v1.has(t), v2.has(t)
		for range n {
			if code, body := ask(t, client, "http://orders/users/1", header...); code != http.StatusOK {
				t.Fatalf("orders answered %d %s", code, body)
			}
		}
		return v1.has(t) - a, v2.has(t) - b
	}
	if a, b := send(500, "x-user-group", "beta"); a != 0 || b != 500 {
		t.Errorf("beta users: v1 %d, v2 %d; want all on v2", a, b)
	}
	if a, b := send(5000); a+b != 5000 || b < 400 || b > 600 {
		t.Errorf("everybody else: v1 %d, v2 %d; want 90 and 10 percent", a, b)
	}
	// From another namespace the short name is another service.
	outside := through(m.at["cart:v1"].Outbound)
	if code, body := ask(t, outside, "http://orders/users/1"); code != http.StatusNotFound {
		t.Errorf("orders in the default namespace answered %d %s, want 404", code, body)
	}
	if code, body := ask(t, outside, "http://orders.production/users/1"); code != http.StatusOK {
		t.Errorf("orders.production answered %d %s", code, body)
	}
	m.await(t, 2*time.Minute, "all requests in the graph, over mutual TLS", func() bool {
		e := m.edge(t, "caller.production", "orders.production")
		return e.MTLSShare == 1 && e.Requests >= 5500
	})
}
