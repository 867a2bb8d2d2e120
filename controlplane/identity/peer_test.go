package identity

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func certificate(id string, names ...string) *x509.Certificate {
	u, err := url.Parse(id)
	if err != nil {
		panic(err)
	}
	return &x509.Certificate{URIs: []*url.URL{u}, DNSNames: names}
}

func TestWorkloadNormal(t *testing.T) {
	got, err := Workload{Service: "reviews", Instance: "reviews-1"}.Normal()
	want := Workload{Service: "reviews", Namespace: "default", Account: "reviews", Instance: "reviews-1"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	_, err = Workload{Service: "a.b", Namespace: "UP", Version: "v_1", Instance: ""}.Normal()
	for _, part := range []string{`service "a.b"`, `namespace "UP"`, `version "v_1"`, `instance ""`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want it to name %s", err, part)
		}
	}
}

func TestPeerOf(t *testing.T) {
	for name, c := range map[string]struct {
		certificate *x509.Certificate
		want        Peer
	}{
		"of the default namespace": {
			certificate("spiffe://mesh.local/ns/default/sa/bookinfo", "reviews-1.v2.reviews.default.sightline"),
			Peer{"spiffe://mesh.local/ns/default/sa/bookinfo", "reviews", "v2", "reviews-1"},
		},
		"of another one, without a version": {
			certificate("spiffe://mesh.local/ns/shop/sa/cart", "cart-1.none.cart.shop.sightline"),
			Peer{"spiffe://mesh.local/ns/shop/sa/cart", "cart.shop", "", "cart-1"},
		},
	} {
		got, err := PeerOf(tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.certificate}})
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestPeerOfRefuses(t *testing.T) {
	const good = "reviews-1.v2.reviews.default.sightline"
	for name, c := range map[string]*x509.Certificate{
		"no URI":            {DNSNames: []string{good}},
		"no SPIFFE id":      certificate("https://mesh.local/ns/default/sa/a", good),
		"another path":      certificate("spiffe://mesh.local/workload/a", good),
		"no DNS name":       certificate("spiffe://mesh.local/ns/default/sa/a"),
		"two DNS names":     certificate("spiffe://mesh.local/ns/default/sa/a", good, good),
		"another zone":      certificate("spiffe://mesh.local/ns/default/sa/a", "reviews-1.v2.reviews.default.svc"),
		"another namespace": certificate("spiffe://mesh.local/ns/shop/sa/a", good),
		"a label missing":   certificate("spiffe://mesh.local/ns/default/sa/a", "v2.reviews.default.sightline"),
		"an empty label":    certificate("spiffe://mesh.local/ns/default/sa/a", ".v2.reviews.default.sightline"),
	} {
		if got, err := PeerOf(tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
		}
	}
	if _, err := PeerOf(tls.ConnectionState{}); err == nil {
		t.Error("no certificate: want an error")
	}
}

func TestNamespace(t *testing.T) {
	for id, want := range map[mesh.Identity]string{
		"spiffe://mesh.local/ns/sightline/sa/ui": "sightline",
		"spiffe://mesh.local/ns/shop/sa/a":       "shop",
		"spiffe://mesh.local/other":              "",
		"nonsense":                               "",
	} {
		if got := Namespace(id); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for _, in := range []string{"localhost:15012", "https://localhost:15012", "https://localhost:15012/"} {
		if got := BaseURL(in); got != "https://localhost:15012" {
			t.Errorf("%s: got %s", in, got)
		}
	}
}

func FuzzWorkloadOf(f *testing.F) {
	f.Add("/ns/default/sa/reviews", "reviews-1.v2.reviews.default.sightline")
	f.Add("/ns/default/sa/reviews", "reviews-1..reviews.default.sightline") // a label that no authority gives
	f.Fuzz(func(t *testing.T, path, name string) {
		c := &x509.Certificate{URIs: []*url.URL{{Scheme: "spiffe", Host: "mesh.local", Path: path}}, DNSNames: []string{name}}
		w, err := WorkloadOf(c)
		if err != nil {
			return
		}
		if w.DNSName() != name || string(ID("mesh.local", w.Namespace, w.Account)) != c.URIs[0].String() {
			t.Errorf("%q with %q reads as %+v", path, name, w)
		}
	})
}
