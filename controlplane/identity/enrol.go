package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

const (
	callTimeout  = 10 * time.Second
	reachTimeout = 3 * time.Second // for a connection, before another control plane is asked
	enrolBackoff = 100 * time.Millisecond
	enrolCeiling = 5 * time.Second
)

// first is the certificate to begin with.
func (s *Source) first(ctx context.Context) (*material, error) {
	if s.agent != nil {
		return s.askAgent(ctx)
	}
	m, err := s.load()
	if err != nil {
		s.cfg.Logger.Info("no certificate on disk to go on with", "reason", err)
		return s.enrolUntil(ctx)
	}
	s.restored = true
	return m, nil
}

func (s *Source) enrolUntil(ctx context.Context) (*material, error) {
	wait := enrolBackoff
	for {
		m, err := s.enrol(ctx)
		if err == nil {
			return m, nil
		}
		if errors.Is(err, ErrRefused) || errors.Is(err, ErrWrongRoot) || ctx.Err() != nil {
			return nil, err
		}
		s.cfg.Logger.Warn("enrolment is tried again", "control plane", s.cfg.ControlPlane, "in", wait, "reason", err)
		if !sleep(ctx, wait/2+time.Duration(s.random()*float64(wait/2))) {
			return nil, fmt.Errorf("%w (%w)", err, ctx.Err())
		}
		wait = min(2*wait, enrolCeiling)
	}
}

// enrol trades the join token for a certificate.
func (s *Source) enrol(ctx context.Context) (*material, error) {
	if s.token == nil {
		return nil, fmt.Errorf("%w: no join token given: `sightline token create` makes one", ErrRefused)
	}
	key, csr, err := newRequest()
	if err != nil {
		return nil, err
	}
	w := s.cfg.Workload
	res, err := s.call(ctx, pinned(*s.token), func(ctx context.Context, c wireconnect.ControlPlaneClient) (*connect.Response[wire.CertificateResponse], error) {
		return c.Enroll(ctx, connect.NewRequest(&wire.EnrollRequest{
			Token: s.cfg.Token,
			Csr:   csr,
			Workload: &wire.Workload{
				Service: w.Service, Version: w.Version, Namespace: w.Namespace, Account: w.Account, Instance: w.Instance,
			},
		}))
	})
	if err != nil {
		return nil, fmt.Errorf("enrol at %s: %w", s.cfg.ControlPlane, refusal(err))
	}
	m, err := s.accept(key, res)
	if err != nil {
		return nil, fmt.Errorf("enrol at %s: %w", s.cfg.ControlPlane, err)
	}
	return m, s.save(m)
}

// renew trades the current certificate for one with a fresh key.
func (s *Source) renew(ctx context.Context) (*material, error) {
	key, csr, err := newRequest()
	if err != nil {
		return nil, err
	}
	tlsConfig := s.ClientTLS(s.ControlPlane(), "h2")
	res, err := s.call(ctx, tlsConfig, func(ctx context.Context, c wireconnect.ControlPlaneClient) (*connect.Response[wire.CertificateResponse], error) {
		return c.Renew(ctx, connect.NewRequest(&wire.RenewRequest{Csr: csr}))
	})
	if err != nil {
		return nil, fmt.Errorf("renew at %s: %w", s.cfg.ControlPlane, err)
	}
	m, err := s.accept(key, res)
	if err != nil {
		return nil, fmt.Errorf("renew at %s: %w", s.cfg.ControlPlane, err)
	}
	return m, nil
}

// accept turns an answer into material, once it is sure that it holds together.
func (s *Source) accept(key *ecdsa.PrivateKey, res *wire.CertificateResponse) (*material, error) {
	m, err := newMaterial(key, res.GetChain(), res.GetRoots())
	if err != nil {
		return nil, err
	}
	if err := s.check(m); err != nil {
		return nil, fmt.Errorf("certificate received: %w (%s)", err, s.compareClocks(m.certificate.Leaf))
	}
	if ahead := s.compareClocks(m.certificate.Leaf); ahead.Abs() >= Skewed {
		s.cfg.Logger.Error("this machine's clock is off: handshakes fail from five minutes on", "ahead of the certificate authority's by", ahead.Round(time.Second))
	}
	return m, nil
}

func newMaterial(key crypto.Signer, chain, roots [][]byte) (*material, error) {
	if len(chain) == 0 || len(roots) == 0 {
		return nil, errors.New("certificate received: no chain or no roots")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("certificate received: %w", err)
	}
	m := &material{certificate: tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}}
	if m.roots, err = x509.ParseCertificates(concat(roots)); err != nil {
		return nil, fmt.Errorf("roots received: %w", err)
	}
	return m, nil
}

func newRequest() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("make certificate request: %w", err)
	}
	return key, csr, nil
}

type rpc func(context.Context, wireconnect.ControlPlaneClient) (*connect.Response[wire.CertificateResponse], error)

// call makes a call at the control plane, at the next one where one does not answer.
func (s *Source) call(ctx context.Context, config *tls.Config, do rpc) (res *wire.CertificateResponse, err error) {
	err = s.planes.Try(func(address string) (err error) {
		res, err = s.callAt(ctx, address, config, do)
		return err
	}, func(err error) bool { return errors.Is(refusal(err), ErrRefused) || ctx.Err() != nil })
	return res, err
}

// callAt makes one call on a connection of its own, so that it is made with the
// certificate of the moment and leaves nothing behind.
func (s *Source) callAt(ctx context.Context, controlPlane string, config *tls.Config, do rpc) (*wire.CertificateResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	transport := &http.Transport{
		DialContext:     s.dial,
		TLSClientConfig: config, TLSHandshakeTimeout: reachTimeout, ForceAttemptHTTP2: true,
	}
	defer transport.CloseIdleConnections()
	res, err := do(ctx, wireconnect.NewControlPlaneClient(&http.Client{Transport: transport}, BaseURL(controlPlane)))
	if err != nil {
		return nil, err
	}
	return res.Msg, nil
}

// BaseURL is the URL that a control plane's calls start with, for "host:port" as
// well as for "https://host:port".
func BaseURL(controlPlane string) string {
	return "https://" + strings.TrimSuffix(strings.TrimPrefix(controlPlane, "https://"), "/")
}

// refusal marks the errors that a second try would not change.
func refusal(err error) error {
	final := []connect.Code{connect.CodePermissionDenied, connect.CodeInvalidArgument, connect.CodeUnauthenticated}
	if !errors.Is(err, ErrWrongRoot) && !errors.Is(err, ErrWrongPeer) && slices.Contains(final, connect.CodeOf(err)) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// unwelcome reports whether a control plane was reached and does not take the certificate.
func unwelcome(err error) bool {
	switch connect.CodeOf(err) {
	case connect.CodePermissionDenied, connect.CodeUnauthenticated:
		return true
	}
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error" && remote.Err.Error() == tls.AlertError(alertBadCertificate).Error()
}

// alertBadCertificate is the alert by which Go's TLS says what VerifyConnection did.
const alertBadCertificate = 42

// sleep reports whether it slept to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
