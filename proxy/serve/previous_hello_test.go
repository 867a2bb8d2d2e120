package serve

import (
	"context"
	"crypto/tls"
	"net"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/gather"
)

// TestSidecarsOfThePreviousVersionAreOfTheMesh: where plaintext is taken too, the TLS of
// a sidecar that does not mark its own is not taken for the app's.
func TestSidecarsOfThePreviousVersionAreOfTheMesh(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(c *tls.Config)
		mesh   bool
	}{
		{"h2", func(c *tls.Config) { c.NextProtos = []string{"h2"} }, true},
		{"HTTP/1.1", func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }, true},
		{"a stream", func(c *tls.Config) { c.NextProtos = []string{"sightline-tcp/1"} }, true},
		{"a client that names its server", func(c *tls.Config) { c.NextProtos, c.ServerName = []string{"h2"}, "shop.example" }, false},
		{"one that offers TLS 1.2, too", func(c *tls.Config) { c.NextProtos, c.MinVersion = []string{"h2"}, tls.VersionTLS12 }, false},
		{"one that offers both HTTPs", func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }, false},
		{"one without ALPN", func(c *tls.Config) { c.NextProtos = nil }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			theirs := newAuthority(t).config(t, "shop.example")
			theirs.ClientAuth, theirs.MinVersion = tls.NoClientCert, tls.VersionTLS12
			m := newMesh(t, meshConfig{protocol: mesh.TLS}, app{listen: func(l net.Listener) {
				c, err := tls.NewListener(l, theirs).Accept()
				if err != nil {
					return
				}
				defer c.Close()
				c.Read(make([]byte, 1)) //nolint:errcheck // the client says when it is over
			}})
			side := m.sidecars[0]
			side.guard.Store(&Guard{MTLS: Permissive})
			// What identity.Source's ClientTLS and its dial made of a hello then.
			cfg := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, Certificates: m.authority.config(t, "productpage").Certificates}
			tt.change(cfg)
			c, err := gather.DialTLS(context.Background(), new(net.Dialer), side.addr.String(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			got := c.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames[0]
			if want := map[bool]string{true: "reviews", false: "shop.example"}[tt.mesh]; got != want {
				t.Errorf("%s has answered, want %s", got, want)
			}
		})
	}
}
