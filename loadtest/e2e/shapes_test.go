package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const abroad = "api.example.com"

// nameServer says of every name that it is at loopback.
func nameServer(t *testing.T) string {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5}, A: net.IPv4(127, 0, 0, 1),
			}}
		}
		if err := w.WriteMsg(m); err != nil {
			t.Error(err)
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- s.ActivateAndServe() }()
	t.Cleanup(func() {
		if err := s.PacketConn.Close(); err != nil {
			t.Error(err)
		}
		<-ended //nolint:errcheck // it ends because its connection is closed
	})
	return packets.LocalAddr().String()
}

// secured is an HTTPS server that is no part of the mesh, and a file of who vouches for it.
func secured(t *testing.T) (port, authorities string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{abroad}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "by TLS for "+r.Host)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections without TLS
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, err = net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	authorities = filepath.Join(t.TempDir(), "authorities.pem")
	if err := os.WriteFile(authorities, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return port, authorities
}

// versioned are services with the versions that requests may go to, and where each app
// says how many it has had.
type versioned map[string]map[string]string

func (v versioned) had(t *testing.T, service string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for version, app := range v[service] {
		out[version] = workload{app: app}.has(t)
	}
	return out
}

// routed are documents that send each service to versions: "reviews=v1:90,v2:10".
func routed(services ...string) string {
	var out bytes.Buffer
	for _, s := range services {
		name, shares, _ := strings.Cut(s, "=")
		fmt.Fprintf(&out, "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: %s}\nspec:\n  hosts: [%s]\n  http:\n  - route:\n", name, name)
		for one := range strings.SplitSeq(shares, ",") {
			version, weight, weighed := strings.Cut(one, ":")
			fmt.Fprintf(&out, "    - destination: {host: %s, subset: %s}\n", name, version)
			if weighed {
				fmt.Fprintf(&out, "      weight: %s\n", weight)
			}
		}
	}
	return out.String()
}

// attached is routed by HTTPRoutes to a Service for each version.
func attached(services ...string) string {
	var out bytes.Buffer
	for _, s := range services {
		name, shares, _ := strings.Cut(s, "=")
		fmt.Fprintf(&out, "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: %s}\nspec:\n  parentRefs: [{group: '', kind: Service, name: %s, port: 9080}]\n  rules:\n  - backendRefs:\n", name, name)
		for one := range strings.SplitSeq(shares, ",") {
			version, weight, weighed := strings.Cut(one, ":")
			fmt.Fprintf(&out, "    - {name: %s-%s, port: 9080", name, version)
			if weighed {
				fmt.Fprintf(&out, ", weight: %s", weight)
			}
			out.WriteString("}\n")
		}
	}
	return out.String()
}

// kubernetes are a Service for each service and one for each of its versions.
func kubernetes(all versioned) string {
	var out bytes.Buffer
	for service, versions := range all {
		fmt.Fprintf(&out, "---\napiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {selector: {app: %s}, ports: [{port: 9080, name: http}]}\n", service, service)
		for v := range versions {
			fmt.Fprintf(&out, "---\napiVersion: v1\nkind: Service\nmetadata: {name: %s-%s}\nspec: {selector: {app: %s, version: %s}, ports: [{port: 9080, name: http}]}\n", service, v, service, v)
		}
	}
	return out.String()
}

// subsetsOf are a rule for each service, with what its policy says.
func subsetsOf(all versioned, policy string) string {
	var out bytes.Buffer
	for service, versions := range all {
		fmt.Fprintf(&out, "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: %s}\nspec:\n  host: %s\n%s  subsets:\n", service, service, policy)
		for v := range versions {
			fmt.Fprintf(&out, "  - {name: %s, labels: {version: %s}}\n", v, v)
		}
	}
	return out.String()
}

// shares asks a service n times and holds how its versions answered to what is wanted, in
// percent; a version without a word gets anything but nothing.
func (v versioned) shares(t *testing.T, caller *http.Client, target string, want map[string]float64, header ...string) {
	t.Helper()
	const n = 1000
	service, _, _ := strings.Cut(strings.TrimPrefix(target, "http://"), "/")
	service, _, _ = strings.Cut(service, ":")
	before := v.had(t, service)
	for range n {
		if code, body := ask(t, caller, target, header...); code != http.StatusOK {
			t.Fatalf("%s answered %d %s", target, code, body)
		}
	}
	after := v.had(t, service)
	for version := range after {
		got := 100 * float64(after[version]-before[version]) / n
		share := want[version]
		slack := 6.0 // more than three standard deviations
		if share == 0 || share == 100 {
			slack = 2.5 // the demo's own load comes in between
		}
		switch {
		case want == nil && got == 0:
			t.Errorf("%s %s got nothing", service, version)
		case want != nil && math.Abs(got-share) > slack:
			t.Errorf("%s %s got %.1f %%, want %.0f", service, version, got, share)
		}
	}
}

// TestEveryShapeOfManifest applies a manifest of each shape that Istio's samples have, one
// after the other as their readers do, and counts who answers.
func TestEveryShapeOfManifest(t *testing.T) {
	m := startDemo(t, "--rps", "0.2", "--name-server", nameServer(t))
	all := versioned{"reviews": {}, "stamps": {}}
	for _, version := range []string{"v1", "v2", "v3"} {
		all["reviews"][version] = m.at["reviews:"+version].App
	}
	for _, version := range []string{"v1", "v2"} {
		all["stamps"][version] = m.join(t, "default", "stamps", version).app
	}
	caller := through(m.at["cart:v1"].Outbound)
	const reviews, stamps = "http://reviews/reviews/1", "http://stamps/users/1"
	for _, policy := range []string{"", "  trafficPolicy: {loadBalancer: {simple: RANDOM}}\n", "  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n"} {
		m.mustApply(t, subsetsOf(all, policy))
		all.shares(t, caller, reviews, nil)
		all.shares(t, caller, stamps, nil)
	}
	only := func(v string) map[string]float64 { return map[string]float64{v: 100} }
	m.mustApply(t, routed("reviews=v1", "stamps=v1"))
	all.shares(t, caller, reviews, only("v1"))
	all.shares(t, caller, stamps, only("v1"))
	m.mustApply(t, routed("reviews=v3", "stamps=v2"))
	all.shares(t, caller, reviews, only("v3"))
	all.shares(t, caller, stamps, only("v2"))
	m.mustApply(t, routed("reviews=v2:50,v3:50"))
	all.shares(t, caller, reviews, map[string]float64{"v2": 50, "v3": 50})
	m.mustApply(t, strings.Replace(jasonGetsV2, "subset: v1", "subset: v3", 1))
	all.shares(t, caller, reviews, only("v2"), "end-user", "jason")
	all.shares(t, caller, reviews, only("v3"), "end-user", "other")
	m.withoutRoutes(t, "vs", "reviews", "stamps")
	m.mustApply(t, kubernetes(all))
	for manifest, want := range map[string]map[string]float64{
		attached("reviews=v1"): only("v1"), attached("reviews=v3"): only("v3"),
		attached("reviews=v1:50,v3:50"): {"v1": 50, "v3": 50}, attached("reviews=v1:90,v2:10"): {"v1": 90, "v2": 10},
	} {
		m.mustApply(t, manifest)
		all.shares(t, caller, reviews[:len("http://reviews")]+":9080/reviews/1", want)
	}
	m.mustApply(t, attached("reviews=v1", "stamps=v1"))
	all.shares(t, caller, "http://stamps:9080/users/1", only("v1"))
	m.reaches(t, caller)
	m.turnsGatewaysDown(t)
}

func (m *mesh) withoutRoutes(t *testing.T, kind string, names ...string) {
	t.Helper()
	for _, name := range names {
		if out, err := m.command(t, "delete", kind, name); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// reaches asks a host outside in plaintext, which has TLS.
func (m *mesh) reaches(t *testing.T, caller *http.Client) {
	t.Helper()
	port, authorities := secured(t)
	m.mustApply(t, fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: apis}
spec:
  hosts: [api.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: https, protocol: HTTPS, targetPort: %s}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: rewrite-port-for-apis}
spec: {hosts: [api.example.com], http: [{match: [{port: 80}], route: [{destination: {host: api.example.com, port: {number: 443}}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: originate-tls-for-apis}
spec: {host: api.example.com, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, portLevelSettings: [{port: {number: 443}, tls: {mode: SIMPLE, caCertificates: %s}}]}}
`, port, authorities))
	var status int
	var body string
	m.await(t, time.Minute, "the host to be asked for", func() bool {
		status, body = ask(t, caller, "http://"+abroad+"/")
		return status != http.StatusNotFound && !strings.Contains(body, "no instance")
	})
	if status != http.StatusOK || body != "by TLS for "+abroad {
		t.Errorf("%s answered %d %q", abroad, status, body)
	}
}

// turnsGatewaysDown applies what is about the edge of a mesh, of which there is none here.
func (m *mesh) turnsGatewaysDown(t *testing.T) {
	t.Helper()
	for manifest, why := range map[string]string{
		"apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]}\n":              "has no gateways; leave it out, and the routes for it",
		"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: g}\nspec: {hosts: ['*'], gateways: [g], http: [{match: [{uri: {exact: /a}}], route: [{destination: {host: reviews}}]}]}\n":          "the mesh routes between services and has no gateways",
		"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n":                                          "has no gateways; leave it out, and the routes for it",
		"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: g}\nspec: {parentRefs: [{name: g}], rules: [{matches: [{path: {type: Exact, value: /a}}], backendRefs: [{name: a, port: 80}]}]}\n": `"Gateway" is not supported: the mesh routes between services and has no gateways`,
	} {
		if out, err := m.apply(t, manifest); err == nil || !strings.Contains(out, why) {
			t.Errorf("%s\n%v: %s\nwant %q", manifest, err, out, why)
		}
	}
}
