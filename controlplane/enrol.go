package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/metrics"
	"github.com/sightline-mesh/sightline/controlplane/registry"
	"github.com/sightline-mesh/sightline/controlplane/tap"
	"github.com/sightline-mesh/sightline/controlplane/token"
	"github.com/sightline-mesh/sightline/controlplane/trust"
	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

var _ wireconnect.ControlPlaneHandler = (*service)(nil)

const (
	ledgerTime = 2 * time.Second // for a certificate to be entered, and for the authority to be looked at
	signTries  = 3
)

// issuer signs: whoever holds the CA's key answers it.
type issuer interface {
	// IssueRequest answers a certificate request, DER, with a chain without the root.
	IssueRequest(csr []byte, w identity.Workload) ([][]byte, mesh.Leaf, error)
}

// service answers sidecars.
type service struct {
	authority *ca.Authority // says whom to trust
	issuer    issuer
	leaves    *trust.Ledger
	holders   *trust.Board
	tokens    *token.Ledger
	registry  *registry.Registry
	hub       *hub.Hub
	frames    *frames
	taps      *tap.Board
	gate      *gate
	progress  *progress
	epoch     *epoch
	drain     time.Duration // of streams whose caller's root is retired
	tally     *metrics.Tally
	log       *slog.Logger
}

// Enroll gives a first certificate to who holds a join token.
func (s *service) Enroll(ctx context.Context, req *connect.Request[wire.EnrollRequest]) (*connect.Response[wire.CertificateResponse], error) {
	asked := req.Msg.GetWorkload()
	w, err := identity.Workload{
		Service:   asked.GetService(),
		Version:   asked.GetVersion(),
		Namespace: asked.GetNamespace(),
		Account:   asked.GetAccount(),
		Instance:  asked.GetInstance(),
	}.Normal()
	if err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	id := w.Peer(s.authority.TrustDomain()).Identity
	if id == identity.ControlPlane(s.authority.TrustDomain()) {
		return nil, connect.NewError(connect.CodePermissionDenied, fmt.Errorf("%s is the control plane's own", id))
	}
	version := s.authority.Trust().Version
	chain, leaf, err := s.issuer.IssueRequest(req.Msg.GetCsr(), w) // first: a bad request must not use the token up
	if err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	claim := token.Claim{Service: w.Service, Namespace: w.Namespace, Account: w.Account}
	err = s.tokens.Redeem(ctx, req.Msg.GetToken(), claim)
	if errors.Is(err, token.ErrRefused) && s.reload(ctx) == nil && s.authority.Trust().Version != version {
		err = s.tokens.Redeem(ctx, req.Msg.GetToken(), claim) // it was looked at by an authority that others have replaced
	}
	if err != nil {
		s.log.Warn("enrolment refused", "identity", id, "instance", w.Instance, "reason", err)
		if errors.Is(err, token.ErrRefused) {
			s.tally.Denied.Add(1)
			return nil, connect.NewError(connect.CodePermissionDenied, err)
		}
		return nil, connect.NewError(connect.CodeUnavailable, errors.New("join tokens cannot be looked at now"))
	}
	if chain, leaf, err = s.inForce(ctx, req.Msg.GetCsr(), w, signed{chain, leaf, version}); err != nil {
		return nil, connect.NewError(connect.CodeUnavailable, err)
	}
	s.tally.Enrolled.Add(1)
	s.log.Info("enrolled", "identity", id, "instance", w.Instance, "serial", leaf.Serial)
	return s.certificates(chain), nil
}

// Renew gives the caller a new certificate of the same names.
func (s *service) Renew(ctx context.Context, req *connect.Request[wire.RenewRequest]) (*connect.Response[wire.CertificateResponse], error) {
	w, _, err := workloadOf(ctx)
	if err != nil {
		return nil, err
	}
	version := s.authority.Trust().Version
	chain, leaf, err := s.issuer.IssueRequest(req.Msg.GetCsr(), w)
	if err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	if chain, leaf, err = s.inForce(ctx, req.Msg.GetCsr(), w, signed{chain, leaf, version}); err != nil {
		if errors.Is(err, identity.ErrRevoked) {
			return nil, connect.NewError(connect.CodePermissionDenied, err)
		}
		return nil, connect.NewError(connect.CodeUnavailable, err)
	}
	if err := stillGood(ctx, s.authority); err != nil { // the caller takes its time over its request
		return nil, connect.NewError(connect.CodePermissionDenied, err)
	}
	s.tally.Renewed.Add(1)
	s.hub.Renewed(mesh.InstanceID(w.Instance), leaf.Expires)
	return s.certificates(chain), nil
}

// signed is a certificate by the authority of a version.
type signed struct {
	chain   [][]byte
	leaf    mesh.Leaf
	version uint64
}

// inForce enters a certificate in the ledger and returns it, or another one if the
// authority was changed meanwhile: a control plane that stood still, or was cut off, may
// hold an authority that others have replaced. Whoever changes it later finds what is in
// the ledger. A store that is away must not end a mesh whose certificates are renewed
// meanwhile: it is taken at its last word.
func (s *service) inForce(ctx context.Context, csr []byte, w identity.Workload, c signed) ([][]byte, mesh.Leaf, error) {
	for range signTries {
		s.issued(ctx, c.leaf)
		if err := s.reload(ctx); err != nil {
			s.log.Warn("signed with an authority that may have been replaced", "serial", c.leaf.Serial, "reason", err)
			return c.chain, c.leaf, nil
		}
		now := s.authority.Trust().Version
		if now == c.version {
			return c.chain, c.leaf, nil
		}
		if err := stillGood(ctx, s.authority); err != nil {
			return nil, mesh.Leaf{}, err
		}
		chain, leaf, err := s.issuer.IssueRequest(csr, w)
		if err != nil {
			return nil, mesh.Leaf{}, err
		}
		c = signed{chain, leaf, now}
	}
	return nil, mesh.Leaf{}, errors.New("the certificate authority is changed faster than it signs")
}

// reload takes over what others have changed of the authority, unless the store is away.
func (s *service) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTime)
	defer cancel()
	return s.authority.Reload(ctx)
}

func (s *service) certificates(chain [][]byte) *connect.Response[wire.CertificateResponse] {
	return connect.NewResponse(&wire.CertificateResponse{Chain: chain, Roots: s.authority.Bundle()})
}
