package e2e

import (
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	core "github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
	"github.com/sightline-mesh/sightline/topology/graph"
)

// The addresses of the example: the mesh and orders are on A, stock is on B.
const addrA, addrB = "10.77.0.1", "10.77.0.2"

// pair is the example, running.
type pair struct {
	a, b         *host
	mesh, orders *running
	upLine       string
	ordersLine   string
	asked        int // requests that went out while the mesh was away, and after
}

// follow does what the example's page says, line by line.
func follow(t *testing.T) *pair {
	t.Helper()
	page, err := fs.ReadFile(example(t), "README.md")
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{}
	p.a, p.b = twoHosts(t)
	lines := regexp.MustCompile(`(?m)^ +([AB])\$ (.+)$`).FindAllStringSubmatch(string(page), -1)
	if len(lines) < 8 {
		t.Fatalf("%d lines to follow, want at least the mesh, two tokens, two sidecars, a manifest and two requests", len(lines))
	}
	for _, l := range lines {
		h, line := p.a, l[2]
		if l[1] == "B" {
			h = p.b
		}
		p.do(t, h, line)
	}
	return p
}

// do does one line and waits until it has taken effect.
func (p *pair) do(t *testing.T, h *host, line string) {
	t.Helper()
	switch programs.FindString(line) {
	case "sightline up":
		p.up(t, line)
	case "sightline-proxy run":
		s := h.start(t, line)
		if strings.Contains(line, "orders") {
			p.orders, p.ordersLine = s, line
		}
		service := regexp.MustCompile(`(\w+)\.token`).FindStringSubmatch(line)[1]
		s.await(t, 2*time.Minute, service+" to be ready", func() bool { return p.status(t, service).Instance.State == core.Ready })
	default:
		out, err := h.sh(t, line)
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		if strings.HasPrefix(line, "curl") && !strings.Contains(out, "in stock") {
			t.Errorf("%s answered %q", line, out)
		}
		if strings.Contains(line, "apply") {
			p.mesh.await(t, time.Minute, "the sidecars to be in sync", func() bool {
				return p.status(t, "orders").InSync && p.status(t, "stock").InSync
			})
		}
	}
}

func (p *pair) up(t *testing.T, line string) {
	t.Helper()
	p.mesh, p.upLine = p.a.start(t, line), line
	p.mesh.await(t, 3*time.Minute, "the mesh to be up", func() bool { return strings.Contains(p.mesh.said(), "Sightline is up") })
}

// status is what the control plane knows of a service's sidecar.
func (p *pair) status(t *testing.T, service string) core.ProxyStatus {
	t.Helper()
	var s struct{ Proxies []core.ProxyStatus }
	p.a.get(t, "/api/v1/proxies", &s)
	for _, one := range s.Proxies {
		if string(one.Instance.Service) == service && one.Connected {
			return one
		}
	}
	return core.ProxyStatus{}
}

// TestTwoHosts follows the page of deploy/examples/two-hosts to the letter on two
// network namespaces: what it says works, nothing more than it says can be reached,
// and requests go on without the mesh.
func TestTwoHosts(t *testing.T) {
	p := follow(t)
	p.seen(t)
	p.strangers(t)
	p.alone(t)
	p.back(t)
}

// seen expects one row of each sidecar for a request, and an edge that is mutual TLS.
func (p *pair) seen(t *testing.T) {
	var logs struct{ Logs []signal.Log }
	p.mesh.await(t, time.Minute, "access logs of both sidecars", func() bool {
		p.a.get(t, "/api/v1/logs?limit=100", &logs)
		return told(logs.Logs, signal.Source) >= 2 && told(logs.Logs, signal.Destination) >= 2
	})
	for _, l := range logs.Logs {
		if l.Status != http.StatusOK || l.TraceID == "" {
			t.Errorf("row %+v, want status 200 and a trace", l)
		}
	}
	p.mesh.await(t, time.Minute, "orders to call stock in the graph, all of it over mutual TLS", func() bool {
		var g graph.Graph
		p.a.get(t, "/api/v1/graph?window=5m", &g)
		return slices.ContainsFunc(g.Edges, func(e graph.Edge) bool {
			return e.Source == "orders" && e.Destination == "stock" && e.Requests >= 2 && e.MTLSShare == 1 && e.Failed == 0
		})
	})
}

// told counts the rows of one side's sidecar.
func told(rows []signal.Log, reporter string) int {
	n := 0
	for _, r := range rows {
		if r.Reporter == reporter {
			n++
		}
	}
	return n
}

// strangers tries, from each host, what the other must not take.
func (p *pair) strangers(t *testing.T) {
	const control, otlp, inbound = "https://" + addrA + ":15012", addrA + ":4318", addrB + ":15006"
	const get, post = "curl -sSk -m 10 -w %{http_code} ", "curl -sSk -m 10 -w %{http_code} -H 'Content-Type: application/json' -d "
	// A sound request for a certificate; only the token is not.
	const csr = `$(openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=x -outform DER 2>/dev/null | base64 -w0)`
	const enrol = `'{"token":"slt_guessed_guessed","workload":{"service":"orders","namespace":"default","account":"orders","instance":"x"},"csr":"'` + csr + `'"}' `
	for _, c := range []struct {
		what, line string
		from       *host
		want       string
	}{
		{"plaintext to the inbound port", get + "http://" + inbound + "/", p.a, "000"},
		{"TLS to the inbound port without a certificate", get + "https://" + inbound + "/", p.a, "000"},
		{"the app behind the sidecar", get + "http://" + addrB + ":8080/", p.a, "000"},
		{"plaintext to the control plane", get + "http://" + addrA + ":15012/", p.b, "400"},
		{"the admin API without a certificate", get + control + "/admin/v1/proxies", p.b, "401"},
		{"enrolment with a token that no one gave", post + enrol + control + wireconnect.ControlPlaneEnrollProcedure, p.b, "join token refused"},
		{"renewal without a certificate", post + "{} " + control + wireconnect.ControlPlaneRenewProcedure, p.b, "401"},
		{"the stream of configuration", "curl -sSk --http2 -m 10 -H 'Content-Type: application/connect+json' -d '' " + control + wireconnect.ControlPlaneSubscribeProcedure, p.b, "unauthenticated"},
		{"plaintext OTLP", post + "{} http://" + otlp + "/v1/traces", p.b, "000"},
		{"OTLP over TLS without a certificate", post + "{} https://" + otlp + "/v1/traces", p.b, "certificate required"},
		{"web app and API", get + "http://" + addrA + ":8080/", p.b, "000"},
		{"store", get + "http://" + addrA + ":8123/ping", p.b, "000"},
	} {
		t.Run(c.what, func(t *testing.T) {
			out, _ := c.from.sh(t, c.line) // curl's status tells less than what it says
			if !strings.Contains(out, c.want) {
				t.Errorf("%s\ngot %q, want %q", c.line, out, c.want)
			}
		})
	}
}

// alone kills everything on A but orders and its sidecar: requests go on, also when
// orders' sidecar has to start without anyone to ask.
func (p *pair) alone(t *testing.T) {
	if err := p.mesh.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.mesh.ended
	p.orders.await(t, time.Minute, "all of the mesh's ports to be gone", func() bool {
		out, _ := p.a.sh(t, "ss -Hltn '( sport = :15012 or sport = :4318 or sport = :8080 or sport = :8123 )'")
		return out == ""
	})
	p.ask(t, 100)
	p.orders.end(t)
	p.orders = p.a.start(t, p.ordersLine)
	p.orders.await(t, time.Minute, "orders to serve again", func() bool {
		_, err := p.a.sh(t, "curl -sSf -m 10 http://127.0.0.1:8081/")
		return err == nil
	})
	p.ask(t, 20)
}

// ask sends n requests from orders to stock, one after another; none may fail.
func (p *pair) ask(t *testing.T, n int) {
	t.Helper()
	p.asked += n
	out, err := p.a.sh(t, fmt.Sprintf("for i in $(seq %d); do curl -sSf -m 10 -H 'X-Request-Id: away' -x http://127.0.0.1:15001 http://stock/ || exit; done", n))
	if got := strings.Count(out, "in stock"); err != nil || got != n {
		t.Errorf("%d of %d requests were served: %v\n%s", got, n, err, out)
	}
}

// back starts the mesh again, as it was: the sidecars find it by themselves, and
// stock's, which ran all the time, tells of every request it served meanwhile.
func (p *pair) back(t *testing.T) {
	p.up(t, p.upLine)
	p.mesh.await(t, time.Minute, "the sidecars to come back", func() bool {
		return p.status(t, "orders").InSync && p.status(t, "stock").InSync
	})
	p.ask(t, 5)
	var logs struct{ Logs []signal.Log }
	p.mesh.await(t, time.Minute, "stock's access logs of every request", func() bool {
		p.a.get(t, "/api/v1/logs?limit=1000&requestId=away", &logs)
		return told(logs.Logs, signal.Destination) >= p.asked
	})
}
