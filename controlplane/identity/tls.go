package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/token"
)

// ErrWrongPeer is wrapped when the other side's certificate is good but is not
// that of the identity that was wanted.
var ErrWrongPeer = errors.New("unexpected identity")

// ClientTLS dials as this workload: it presents the current certificate and
// accepts a server of exactly the wanted identity. It may be used for any number
// of connections and outlives renewals; the caller may change its own copy.
func (s *Source) ClientTLS(want mesh.Identity, alpn ...string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         alpn,
		InsecureSkipVerify: true, // names in the mesh are SPIFFE ids: VerifyConnection checks chain and id
		// Small records at the start would each be a write of their own.
		DynamicRecordSizingDisabled: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			got, err := s.verify(cs)
			if err != nil {
				return err
			}
			if got != want {
				return fmt.Errorf("%w: server is %s, want %s", ErrWrongPeer, got, want)
			}
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return s.certificate(), nil
		},
	}
}

// ServerTLS accepts clients that present a certificate of this trust domain, and
// no others. It outlives renewals; the caller may change its own copy.
func (s *Source) ServerTLS(alpn ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: alpn,
		ClientAuth: tls.RequireAnyClientCert, // VerifyConnection checks it against the roots of the moment

		DynamicRecordSizingDisabled: true, // as above
		VerifyConnection: func(cs tls.ConnectionState) error {
			_, err := s.verify(cs)
			return err
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.certificate(), nil
		},
	}
}

// verify also runs on resumed sessions, so an expired or revoked certificate does not
// get in by an old ticket.
func (s *Source) verify(cs tls.ConnectionState) (mesh.Identity, error) {
	if len(cs.PeerCertificates) == 0 {
		return "", errors.New("verify peer: no certificate")
	}
	id, _, err := x509svid.Verify(cs.PeerCertificates, s.bundle)
	if err != nil {
		return "", fmt.Errorf("verify peer: %w", err)
	}
	if err := s.trust.Load().revoked.Check(cs.PeerCertificates[0]); err != nil {
		return "", fmt.Errorf("verify peer: %w", err)
	}
	return mesh.Identity(id.String()), nil
}

func (s *Source) certificate() *tls.Certificate { return &s.current.Load().certificate }

// pinned is the configuration of the first contact: no certificate yet, and a
// control plane known only by the fingerprint of the root its chain ends in.
func pinned(t token.Token) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"h2"},
		InsecureSkipVerify: true, // VerifyConnection checks the chain up to the pinned root
		VerifyConnection: func(cs tls.ConnectionState) error {
			return verifyPinned(cs.PeerCertificates, t)
		},
	}
}

func verifyPinned(chain []*x509.Certificate, t token.Token) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range chain {
		if token.Fingerprint(c) == t.Root {
			roots.AddCert(c)
			found = true
			continue
		}
		between.AddCert(c)
	}
	if !found {
		return fmt.Errorf("%w: its chain has no certificate with fingerprint %x", ErrWrongRoot, t.Root)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		return fmt.Errorf("%w: %w", ErrWrongRoot, err)
	}
	w, err := WorkloadOf(chain[0])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrongPeer, err)
	}
	if w.Namespace != mesh.SystemNamespace || w.Account != controlPlane {
		return fmt.Errorf("%w: %s is no control plane", ErrWrongPeer, chain[0].URIs[0])
	}
	return nil
}
