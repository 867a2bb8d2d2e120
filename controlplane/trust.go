package controlplane

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"connectrpc.com/connect"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/trust"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// renewalsPerSecond is how many come at once when another authority signs.
const renewalsPerSecond = 100

// Trust tells one holder of a certificate whom to trust for as long as its stream lasts.
func (s *service) Trust(ctx context.Context, st *connect.BidiStream[wire.TrustReport, wire.TrustUpdate]) error {
	w, certificate, err := workloadOf(ctx)
	if err != nil {
		return err
	}
	ctx, done, err := s.gate.pass(ctx)
	if err != nil {
		return connect.NewError(connect.CodeUnavailable, err)
	}
	defer done()
	peer := w.Peer(s.authority.TrustDomain())
	holder := mesh.Holder{Identity: peer.Identity, Instance: peer.Instance, Service: peer.Service, Since: time.Now().UTC()}
	seat := s.holders.Join(holder)
	defer seat.Leave()
	g, alive := errgroup.WithContext(ctx)
	defer context.AfterFunc(alive, callerOf(ctx).interrupt)() // else a reader would outlive the stream
	g.Go(func() error { return s.sendTrust(alive, st, certificate) })
	g.Go(func() error { return untilUnfit(alive, s.authority, s.drain) })
	g.Go(func() error { return hearReports(st, seat, holder, certificate) })
	return asEnd(ctx, g.Wait())
}

func (s *service) sendTrust(ctx context.Context, st *connect.BidiStream[wire.TrustReport, wire.TrustUpdate], caller *x509.Certificate) error {
	for {
		now := s.authority.Trust()
		if err := s.authority.CheckRevoked(caller); err != nil {
			return err
		}
		m := &wire.TrustUpdate{
			Version: now.Version, Roots: now.Roots, Signer: now.Signer, Revoked: wire.FromRevocations(now.Revoked),
			Spread: durationpb.New(time.Duration(s.holders.Holders()) * time.Second / renewalsPerSecond),
		}
		if err := st.Send(m); err != nil {
			return err
		}
		select {
		case <-now.Changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func hearReports(st *connect.BidiStream[wire.TrustReport, wire.TrustUpdate], seat *trust.Seat, h mesh.Holder, caller *x509.Certificate) error {
	for {
		m, err := st.Receive()
		if err != nil {
			return err
		}
		h = reported(h, m, caller, time.Now())
		seat.Report(h)
	}
}

// reported is the holder after a report. A certificate that it came with tells when its
// life began; a later one is reported as soon as it is there.
func reported(h mesh.Holder, m *wire.TrustReport, caller *x509.Certificate, now time.Time) mesh.Holder {
	if serial := m.GetSerial(); serial != h.Serial || h.Issued.IsZero() {
		h.Issued = now
		if serial == caller.SerialNumber.Text(16) {
			h.Issued = caller.NotBefore
		}
	}
	h.Version, h.Serial, h.Signer = m.GetVersion(), m.GetSerial(), m.GetSigner()
	h.Failures, h.Failure = m.GetFailures(), m.GetFailure()
	h.Expires = time.Time{}
	if m.GetExpires() != nil {
		h.Expires = m.GetExpires().AsTime()
	}
	if m.GetNow() != nil { // one of before does not say
		h.ClockAheadMs = mesh.Milliseconds(m.GetNow().AsTime().Sub(now))
	}
	return h
}

// stillGood is an error once the caller's certificate was revoked or its root is gone.
func stillGood(ctx context.Context, a *ca.Authority) error {
	c := callerOf(ctx)
	if c.certificate == nil {
		return nil
	}
	if err := a.CheckRevoked(c.certificate); err != nil {
		return err
	}
	domain, err := spiffeid.TrustDomainFromString(a.TrustDomain())
	if err != nil {
		return err
	}
	return identity.Stands(c.chain, x509bundle.FromX509Authorities(domain, a.Roots()))
}

// errExpired ends the stream of a certificate that has come to its end.
var errExpired = errors.New("the certificate that the stream began with has expired")

// untilUnfit ends a stream whose caller would not be let in any more: at once when its
// certificate is revoked or expires, and drain later when its root is retired. Who renews
// in time, at half of a certificate's life, has another stream long before.
func untilUnfit(ctx context.Context, a *ca.Authority, drain time.Duration) error {
	c := callerOf(ctx).certificate
	if c == nil {
		<-ctx.Done()
		return nil
	}
	expiry := time.NewTimer(time.Until(c.NotAfter))
	defer expiry.Stop()
	var rootless error
	var late <-chan time.Time
	for {
		now := a.Trust()
		err := stillGood(ctx, a)
		if errors.Is(err, identity.ErrRevoked) {
			return err
		}
		if err != nil && late == nil {
			rootless, late = err, time.After(drain)
		}
		select {
		case <-now.Changed:
		case <-expiry.C:
			return errExpired
		case <-late:
			return rootless
		case <-ctx.Done():
			return nil
		}
	}
}
