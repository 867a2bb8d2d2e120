// Package originate opens TLS to hosts that are no part of the mesh, for apps that leave
// that to their sidecar.
package originate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/gather"
)

// http2 is the one protocol without which there is no talking: who was asked for it and
// did not choose it speaks HTTP/1.1.
const http2 = "h2"

// Dialer opens connections. The zero value is ready; its methods are safe for concurrent
// use.
type Dialer struct {
	mu    sync.Mutex
	files map[string]authorities // what was read last
}

// authorities are a file's certificates, as long as the file is the same.
type authorities struct {
	pool    *x509.CertPool
	changed time.Time
	size    int64
}

// maxFiles bounds the files that are remembered; others are read for each connection.
const maxFiles = 64

// Dial connects to addr over TCP and TLS, for the protocol by its ALPN name; "" asks for
// none. It returns when the handshake is done, and the host has proved to be the one that
// how says, or ctx ends. A host that how does not name is the service itself.
func (d *Dialer) Dial(ctx context.Context, tcp *net.Dialer, addr string, to mesh.ServiceName, how *mesh.ClientTLS, alpn string) (net.Conn, error) { //nolint:revive // one call
	cfg, err := d.config(to, how)
	if err != nil {
		return nil, err
	}
	if alpn != "" {
		cfg.NextProtos = []string{alpn}
	}
	nc, err := gather.DialTLS(ctx, tcp, addr, cfg)
	if err != nil {
		return nil, err
	}
	if t, ok := nc.(*tls.Conn); ok && alpn == http2 && t.ConnectionState().NegotiatedProtocol != http2 {
		nc.Close()
		return nil, fmt.Errorf("tls with %s: it does not speak HTTP/2, which the request came in", cfg.ServerName)
	}
	return nc, nil
}

func (d *Dialer) config(to mesh.ServiceName, how *mesh.ClientTLS) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: how.ServerName}
	if cfg.ServerName == "" {
		cfg.ServerName = string(to)
	}
	if how.Unverified {
		cfg.InsecureSkipVerify = true //nolint:gosec // the rule asks for it in as many words
		return cfg, nil
	}
	if how.Authorities != "" {
		pool, err := d.read(how.Authorities)
		if err != nil {
			return nil, fmt.Errorf("read caCertificates: %w", err)
		}
		cfg.RootCAs = pool
	}
	if len(how.Names) > 0 {
		cfg.InsecureSkipVerify = true //nolint:gosec // verified below, by other names
		cfg.VerifyConnection = func(cs tls.ConnectionState) error { return verify(cs, cfg.RootCAs, how.Names) }
	}
	return cfg, nil
}

// verify is what crypto/tls does, but for the names that the certificate may have.
func verify(cs tls.ConnectionState, roots *x509.CertPool, names []string) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("no certificate")
	}
	leaf, between := cs.PeerCertificates[0], x509.NewCertPool()
	for _, c := range cs.PeerCertificates[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		return err
	}
	has := slices.Clone(leaf.DNSNames)
	for _, u := range leaf.URIs {
		has = append(has, u.String())
	}
	for _, a := range leaf.IPAddresses {
		has = append(has, a.String())
	}
	for _, name := range names {
		if slices.Contains(has, name) {
			return nil
		}
	}
	return fmt.Errorf("the certificate is for %q, and subjectAltNames has %q", has, names)
}

// read is a file's certificates. A file that is replaced holds from the next connection on.
func (d *Dialer) read(file string) (*x509.CertPool, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	known, ok := d.files[file]
	d.mu.Unlock()
	if ok && known.changed.Equal(info.ModTime()) && known.size == info.Size() {
		return known.pool, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s has no certificate in PEM", file)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files == nil {
		d.files = make(map[string]authorities)
	}
	if len(d.files) < maxFiles || ok {
		d.files[file] = authorities{pool, info.ModTime(), info.Size()}
	}
	return pool, nil
}
