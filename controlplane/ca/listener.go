package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"github.com/sightline-mesh/sightline/controlplane/identity"
)

// ListenerTLS is the configuration of the control plane's own listener. Its
// certificate is issued by this authority and replaced at half its life, and when
// another root signs; its chain carries the roots, so that a sidecar with nothing but a
// join token can check it. A client may come without a certificate, to enrol; one that
// it presents must be of this trust domain, good, and not revoked.
func (a *Authority) ListenerTLS(instance string) *tls.Config {
	own := &ownCertificate{authority: a, workload: identity.ControlPlaneWorkload(instance)}
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: own.get,
		ClientAuth:     tls.RequestClientCert, // VerifyConnection checks it against the roots of the moment
		VerifyConnection: func(cs tls.ConnectionState) error {
			return a.Admit(cs.PeerCertificates)
		},
	}
}

// Admit checks who is at the other end of a connection; nobody is fine. It also runs
// for resumed sessions, and may be called again while a connection stands.
func (a *Authority) Admit(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return nil
	}
	if _, _, err := x509svid.Verify(chain, a.current.Load().bundle, x509svid.WithTime(a.now())); err != nil {
		return fmt.Errorf("verify client: %w", err)
	}
	return a.CheckRevoked(chain[0])
}

// ownCertificate issues the control plane's certificate when a handshake finds the
// last one past half its life, or of another authority.
type ownCertificate struct {
	authority *Authority
	workload  identity.Workload

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	of      *opened
	renewAt time.Time
}

func (o *ownCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now, of := o.authority.now(), o.authority.current.Load()
	if o.current != nil && now.Before(o.renewAt) && of == o.of {
		return o.current, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	chain, leaf, err := o.authority.issue(&key.PublicKey, o.workload)
	if err != nil {
		return nil, err
	}
	for _, root := range of.roots {
		chain = append(chain, root.Raw)
	}
	o.current, o.of = &tls.Certificate{Certificate: chain, PrivateKey: key}, of
	o.renewAt = now.Add(leaf.Expires.Sub(now) / 2)
	return o.current, nil
}
