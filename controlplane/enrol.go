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
	chain, leaf, err := s.issuer.IssueRequest(req.Msg.GetCsr(), w) // first: a bad request must not use the token up
	if err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	claim := token.Claim{Service: w.Service, Namespace: w.Namespace, Account: w.Account}
	if err := s.tokens.Redeem(ctx, req.Msg.GetToken(), claim); err != nil {
		s.log.Warn("enrolment refused", "identity", id, "instance", w.Instance, "reason", err)
		if errors.Is(err, token.ErrRefused) {
			s.tally.Denied.Add(1)
			return nil, connect.NewError(connect.CodePermissionDenied, err)
		}
		return nil, connect.NewError(connect.CodeUnavailable, errors.New("join tokens cannot be looked at now"))
	}
	s.issued(ctx, leaf)
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
	chain, leaf, err := s.issuer.IssueRequest(req.Msg.GetCsr(), w)
	if err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	s.issued(ctx, leaf)
	if err := stillGood(ctx, s.authority); err != nil { // the caller takes its time over its request
		return nil, connect.NewError(connect.CodePermissionDenied, err)
	}
	s.tally.Renewed.Add(1)
	s.hub.Renewed(mesh.InstanceID(w.Instance), leaf.Expires)
	return s.certificates(chain), nil
}

func (s *service) certificates(chain [][]byte) *connect.Response[wire.CertificateResponse] {
	return connect.NewResponse(&wire.CertificateResponse{Chain: chain, Roots: s.authority.Bundle()})
}
