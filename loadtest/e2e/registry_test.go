package e2e

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sightline-mesh/sightline/collector/signal"
	core "github.com/sightline-mesh/sightline/controlplane/mesh"
)

const machines = `apiVersion: v1
kind: Service
metadata: {name: ledger}
spec: {selector: {app: ledger}, ports: [{name: http, port: 80}]}
`

// machine is one in a registry's file, on a port of loopback.
func machine(name, port, annotation string) string {
	return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: %s, annotations: {%s}}
spec: {address: 127.0.0.1, ports: {http: %s}, labels: {app: ledger}}
`, name, annotation, port)
}

// answering is a program that has no sidecar. It answers with its name; /slow does not end
// before release is closed, and says on arrived that it is there.
type answering struct {
	port             string
	arrived, release chan struct{}
	let              func() // closes release
}

func newAnswering(t *testing.T, name string) *answering {
	t.Helper()
	a := &answering{arrived: make(chan struct{}), release: make(chan struct{})}
	a.let = sync.OnceFunc(func() { close(a.release) })
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(a.arrived)
			<-a.release
		}
		_, _ = io.WriteString(w, name)
	}))
	t.Cleanup(func() {
		a.let()
		s.Close()
	})
	_, a.port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return a
}

// TestAFileOfMachines is the life of a registry's file under real requests: an edit, a
// machine that drains, one that is wrong.
func TestAFileOfMachines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machines.yaml")
	write := func(content string) {
		t.Helper()
		next := path + ".next"
		if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, path); err != nil {
			t.Fatal(err)
		}
	}
	one, two := newAnswering(t, "one"), newAnswering(t, "two")
	first, second := machine("vm-1", one.port, ""), machine("vm-2", two.port, "")
	write(machines + first)
	m := startMesh(t, "--registry-file", path)
	client := through(m.join(t, "default", "caller", "v1").outbound)
	// answers are who answered so many requests, of which none may fail.
	answers := func(n int) map[string]int {
		t.Helper()
		by := map[string]int{}
		for range n {
			code, body := ask(t, client, "http://ledger/")
			if code != http.StatusOK {
				t.Fatalf("ledger answered %d %s", code, body)
			}
			by[body]++
		}
		return by
	}
	if by := answers(20); by["one"] != 20 {
		t.Errorf("answered by %v, want one alone", by)
	}
	write(machines + first + second)
	m.await(t, 30*time.Second, "requests at the second machine", func() bool { return answers(10)["two"] > 0 })

	slow := make(chan string, 1)
	go func() { // until one gets it
		_, body := ask(t, client, "http://ledger/slow")
		slow <- body
	}()
	draining, left, other := one, "two", second
	select {
	case <-one.arrived:
	case <-two.arrived:
		draining, left, other = two, "one", first
	}
	write(machines + machine(map[*answering]string{one: "vm-1", two: "vm-2"}[draining], draining.port, "sightline.dev/state: draining") + other)
	m.await(t, 30*time.Second, "the drained machine to be told of", func() bool {
		out, err := m.command(t, "proxies", "--service", "ledger")
		return err == nil && strings.Contains(out, "draining")
	})
	m.await(t, 30*time.Second, "requests at the other machine alone", func() bool { return answers(20)[left] == 20 })
	if by := answers(100); by[left] != 100 {
		t.Errorf("answered by %v, want %s alone", by, left)
	}
	draining.let()
	if body := <-slow; body != map[string]string{"one": "two", "two": "one"}[left] {
		t.Errorf("the request under way was answered %q", body)
	}

	write(machines + first + second + "---\nkind: Wor")
	var timeline struct{ Events []core.Event }
	told := func(text string) bool {
		m.get(t, "/api/v1/events?kind=registry", &timeline)
		return len(timeline.Events) > 0 && strings.Contains(timeline.Events[0].Summary, text)
	}
	m.await(t, 30*time.Second, "the timeline to tell of the bad edit", func() bool { return told("what it said last stays in force: ") && told("machines.yaml: line 16:") })
	if by := answers(50); by[left] != 50 {
		t.Errorf("with a broken file answered by %v, want %s alone as before", by, left)
	}
	write(machines + first + second)
	m.await(t, 30*time.Second, "the timeline to tell that it is mended", func() bool { return told("works again") })
	m.await(t, 30*time.Second, "both machines again", func() bool { return len(answers(20)) == 2 })
}

// atTwoAddresses is a server of HTTPS at 127.0.0.1 and 127.0.0.2, on one port, as
// api.example.com. It answers with its address and the name that was asked for.
func atTwoAddresses(t *testing.T) (port, authority string) {
	t.Helper()
	for try := 0; ; try++ {
		a, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ = net.SplitHostPort(a.Addr().String())
		b, err := net.Listen("tcp", "127.0.0.2:"+port)
		if err != nil && try < 20 {
			_ = a.Close()
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var der []byte
		for _, l := range []net.Listener{a, b} {
			host, _, _ := net.SplitHostPort(l.Addr().String())
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = fmt.Fprint(w, host, " ", r.TLS.ServerName, " ", r.Host)
			}))
			_ = s.Listener.Close()
			s.Listener = l
			s.StartTLS()
			t.Cleanup(s.Close)
			der = s.Certificate().Raw
		}
		authority = filepath.Join(t.TempDir(), "authority.pem")
		if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return port, authority
	}
}

// wandering is a name server that answers for every name with one address, whichever it is now.
func wandering(t *testing.T, address *atomic.Value) string {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	s := &dns.Server{PacketConn: packets, NotifyStartedFunc: func() { close(ready) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg).SetReply(q)
		if rr, err := dns.NewRR(q.Question[0].Name + " 1 A " + address.Load().(string)); err == nil && q.Question[0].Qtype == dns.TypeA {
			r.Answer = []dns.RR{rr}
		}
		_ = w.WriteMsg(r)
	})}
	go func() { ended <- s.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
		<-ended //nolint:errcheck // Shutdown has said it
	})
	return packets.LocalAddr().String()
}

const outsideEntry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api}
spec:
  hosts: [api.example.com]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: PORT}]
`

const outsideTLS = `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api}
spec:
  host: api.example.com
  trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE, caCertificates: FILE}}]}
`

// TestAHostOutsideOverTLS has an app ask in plaintext for a host that DNS knows: the sidecar
// goes to the address that is answered, another one when that changes, and makes TLS with
// whoever proves to be the host.
func TestAHostOutsideOverTLS(t *testing.T) {
	port, authority := atTwoAddresses(t)
	var address atomic.Value
	address.Store("127.0.0.1")
	m := startMesh(t, "--name-server", wandering(t, &address))
	client := through(m.join(t, "default", "caller", "v1").outbound)
	manifest := strings.NewReplacer("PORT", port, "FILE", authority)
	m.mustApply(t, manifest.Replace(outsideEntry+strings.Replace(outsideTLS, ", caCertificates: FILE", "", 1)))
	asked := func() (int, string) { return ask(t, client, "http://api.example.com/") }
	m.await(t, 30*time.Second, "the host to be refused, as nobody here trusts its authority", func() bool {
		code, body := asked()
		return code == http.StatusServiceUnavailable && strings.Contains(body, "certificate signed by unknown authority")
	})
	m.mustApply(t, manifest.Replace(outsideEntry+outsideTLS))
	m.await(t, 30*time.Second, "an answer", func() bool { code, _ := asked(); return code == http.StatusOK })
	for range 20 {
		if code, body := asked(); code != http.StatusOK || body != "127.0.0.1 api.example.com api.example.com" {
			t.Fatalf("answered %d %q", code, body)
		}
	}
	address.Store("127.0.0.2")
	m.await(t, time.Minute, "requests at the address that DNS answers now", func() bool {
		code, body := asked()
		if code != http.StatusOK {
			t.Fatalf("while the address changed, answered %d %q", code, body)
		}
		return strings.HasPrefix(body, "127.0.0.2 ")
	})
	var logs struct{ Logs []signal.Log }
	m.await(t, time.Minute, "rows of the host in the access log", func() bool {
		m.get(t, "/api/v1/logs?service=caller&limit=100", &logs)
		n := 0
		for _, l := range logs.Logs {
			if l.Peer == "api.example.com" && l.Status == http.StatusOK {
				n++
			}
		}
		return n > 20
	})
}
