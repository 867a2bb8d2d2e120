package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"github.com/sightline-mesh/sightline/controlplane/identity"
)

// ListenerTLS is the configuration of the control plane's own listener. Its
// certificate is issued by this authority and replaced at half its life; its chain
// carries the root, so that a sidecar with nothing but a join token can check it.
// A client may come without a certificate, to enrol; one that it presents must be
// of this trust domain.
func (a *Authority) ListenerTLS(instance string) *tls.Config {
	own := &ownCertificate{authority: a, workload: identity.ControlPlaneWorkload(instance)}
	clients := x509.NewCertPool()
	clients.AddCert(a.root)
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: own.get,
		ClientAuth:     tls.VerifyClientCertIfGiven,
		ClientCAs:      clients,
		VerifyConnection: func(cs tls.ConnectionState) error {
			return a.admit(cs.PeerCertificates)
		},
	}
}

// admit also runs for resumed sessions.
func (a *Authority) admit(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return nil
	}
	id, err := x509svid.IDFromCert(chain[0])
	if err != nil {
		return fmt.Errorf("verify client: %w", err)
	}
	if id.TrustDomain().Name() != a.cfg.TrustDomain {
		return fmt.Errorf("verify client: %s is not of trust domain %q", id, a.cfg.TrustDomain)
	}
	if a.now().After(chain[0].NotAfter) {
		return errors.New("verify client: certificate has expired")
	}
	return nil
}

// ownCertificate issues the control plane's certificate when a handshake finds the
// last one past half its life.
type ownCertificate struct {
	authority *Authority
	workload  identity.Workload

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	renewAt time.Time
}

func (o *ownCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.authority.now()
	if o.current != nil && now.Before(o.renewAt) {
		return o.current, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	der, err := o.authority.issue(&key.PublicKey, o.workload)
	if err != nil {
		return nil, err
	}
	o.current = &tls.Certificate{Certificate: [][]byte{der, o.authority.root.Raw}, PrivateKey: key}
	o.renewAt = now.Add(o.authority.cfg.TTL / 2)
	return o.current, nil
}
