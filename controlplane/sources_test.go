package controlplane

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const fileService = `apiVersion: v1
kind: Service
metadata: {name: ledger}
spec: {selector: {app: ledger}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm-1}
spec: {address: 10.0.0.7, labels: {app: ledger}, serviceAccount: clerk}
`

const second = `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm-2}
spec: {address: 10.0.0.8, labels: {app: ledger}}
`

// TestRegistryFileFromEndToEnd: what a file says comes to who calls the service, a bad
// edit is told of and changes nothing, not even over a restart, and a file that is no
// longer given is forgotten.
func TestRegistryFileFromEndToEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "registry.yaml")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fileService)
	p := newPlant(t, func(c *Config) { c.RegistryFile = path })
	c := p.admin()
	web := p.sidecar(p.token(c), workload("web", "v1", "web-1"), "ledger")
	s := web.until(t, "arrival of ledger", "ledger", instances(1))
	if i := s.Instances[0]; i.Identity != "spiffe://mesh.local/ns/default/sa/clerk" || i.Plaintext || i.AppPort != 8080 || i.ID != "file/workloadentry/default/vm-1/ledger/10.0.0.7:8080" {
		t.Errorf("instance %+v", i)
	}
	write(fileService + second)
	s = web.until(t, "second machine", "ledger", instances(2))
	if i := s.Instances[1]; i.Identity != "" || !i.Plaintext {
		t.Errorf("instance without an account %+v", i)
	}
	all, err := c.Proxies(t.Context())
	if err != nil || len(all) != 3 || all[0].Instance.Origin != "file" || all[0].Instance.Since.IsZero() || all[2].Instance.Origin != "" {
		t.Errorf("proxies %+v, %v", all, err)
	}
	write(fileService + "---\nkind: nonsense\n")
	eventually(t, "trouble in the timeline", func() bool {
		events, err := c.Events(t.Context(), admin.EventQuery{Kind: mesh.EventRegistry})
		return err == nil && len(events) == 1 && strings.Contains(events[0].Summary, "line 11: document 3")
	})
	p.stop()
	p.start(nil)
	other := p.sidecar(p.token(p.admin()), workload("other", "v1", "other-1"), "ledger")
	other.until(t, "both machines after a restart with a bad file", "ledger", instances(2))
	p.stop()
	p.cfg.RegistryFile = ""
	p.start(nil)
	other.until(t, "nobody without the file", "ledger", instances(0))
}

// TestNamesFromEndToEnd: an applied ServiceEntry has its host asked for, from a name
// server on this machine, and who calls it is told of every address and of changes.
func TestNamesFromEndToEnd(t *testing.T) {
	t.Parallel()
	var address atomic.Value
	address.Store("192.0.2.1")
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	server := &dns.Server{PacketConn: packets, NotifyStartedFunc: func() { close(ready) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg).SetReply(q)
		if rr, err := dns.NewRR(q.Question[0].Name + " 1 A " + address.Load().(string)); err == nil && q.Question[0].Qtype == dns.TypeA {
			r.Answer = []dns.RR{rr}
		}
		_ = w.WriteMsg(r)
	})}
	background(t, func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = server.Shutdown() })()
		return server.ActivateAndServe()
	})
	<-ready
	p := newPlant(t, func(c *Config) { c.NameServers = []string{packets.LocalAddr().String()} })
	c := p.admin()
	web := p.sidecar(p.token(c), workload("web", "v1", "web-1"), "api.example.com")
	apply(t, c, `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api}
spec: {hosts: [api.example.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 443, name: tls, protocol: TLS}]}
`)
	at := func(address string) func(mesh.Snapshot) bool {
		return func(s mesh.Snapshot) bool { return len(s.Instances) == 1 && s.Instances[0].Address.String() == address }
	}
	s := web.until(t, "its address", "api.example.com", at("192.0.2.1:8080"))
	if i := s.Instances[0]; !i.Plaintext || i.Identity != "" || len(i.Ports) != 2 || len(s.Ports) != 3 {
		t.Errorf("instance %+v, ports %+v", i, s.Ports)
	}
	address.Store("192.0.2.2")
	web.until(t, "its new address", "api.example.com", at("192.0.2.2:8080"))
	all, err := c.Proxies(t.Context())
	if err != nil || len(all) != 2 || all[0].Instance.Origin != "dns" {
		t.Errorf("proxies %+v, %v", all, err)
	}
}
