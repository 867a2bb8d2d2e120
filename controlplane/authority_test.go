package controlplane

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// assembled is a control plane of which nothing runs.
func assembled(t *testing.T) *plane {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := New(DefaultConfig(t.TempDir()), Deps{Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.assemble(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The ledger has a renewed certificate before its workload does: the old root stays
// until each who is connected says that it uses the new one.
func TestOldRootStaysWhileAHolderUsesIt(t *testing.T) {
	t.Parallel()
	p := assembled(t)
	web := mesh.Holder{Instance: "web-1"}
	seat := p.holders.Join(web)
	foreign := p.holders.Join(mesh.Holder{Instance: "spire-1"})
	heard := func(signer string) {
		web.Version, web.Signer = p.authority.Trust().Version, signer
		seat.Report(web)
		foreign.Report(mesh.Holder{Instance: "spire-1", Version: web.Version, Signer: "of SPIRE"})
	}
	old := p.authority.Trust().Signer
	for range 2 {
		heard(old)
		if _, err := p.rotate(t.Context(), "ada", false); err != nil {
			t.Fatal(err)
		}
	}
	heard(old)
	at, err := p.rotate(t.Context(), "ada", false)
	if !errors.Is(err, errLagging) || !strings.Contains(err.Error(), "web-1") || strings.Contains(err.Error(), "spire-1") || p.authority.Phase() != ca.Renew {
		t.Fatalf("retired: %v, phase %q, want it to wait for web-1 alone", err, at.Phase)
	}
	heard(p.authority.Trust().Signer)
	if at, err := p.rotate(t.Context(), "ada", false); err != nil || at.Phase != "steady" || at.Old != 0 {
		t.Errorf("once it has renewed: %+v, %v", at, err)
	}
}

func TestOldRootGoesWhenForced(t *testing.T) {
	t.Parallel()
	p := assembled(t)
	p.holders.Join(mesh.Holder{Instance: "web-1"}).Report(mesh.Holder{Instance: "web-1", Version: 99, Signer: p.authority.Trust().Signer})
	for range 2 {
		if _, err := p.rotate(t.Context(), "ada", false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.rotate(t.Context(), "ada", false); !errors.Is(err, errLagging) {
		t.Errorf("not forced: %v", err)
	}
	if at, err := p.rotate(t.Context(), "ada", true); err != nil || at.Phase != "steady" {
		t.Errorf("forced: %+v, %v", at, err)
	}
}

func requested(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// callerAs is who calls with a certificate that a control plane has issued.
func callerAs(t *testing.T, p *plane, w identity.Workload) caller {
	t.Helper()
	chain, _, err := p.authority.IssueRequest(requested(t), w)
	if err != nil {
		t.Fatal(err)
	}
	certificates, err := x509.ParseCertificates(slices.Concat(chain...))
	if err != nil {
		t.Fatal(err)
	}
	return caller{certificate: certificates[0], chain: certificates}
}

// issuerFunc signs.
type issuerFunc func(csr []byte, w identity.Workload) ([][]byte, mesh.Leaf, error)

func (f issuerFunc) IssueRequest(csr []byte, w identity.Workload) ([][]byte, mesh.Leaf, error) {
	return f(csr, w)
}

// Who is revoked while its request is on the way gets no certificate that nobody
// has revoked.
func TestRevokedWhileItRenews(t *testing.T) {
	t.Parallel()
	p := assembled(t)
	thief := callerAs(t, p, workload("web", "", "web-1"))
	revoke := func() {}
	s := &service{
		authority: p.authority, leaves: p.leaves, hub: p.hub, tally: p.tally, log: logger(t),
		issuer: issuerFunc(func(csr []byte, w identity.Workload) ([][]byte, mesh.Leaf, error) {
			revoke()
			return p.authority.IssueRequest(csr, w)
		}),
	}
	ctx := context.WithValue(t.Context(), callerKey{}, thief)
	renew := func() error {
		_, err := s.Renew(ctx, connect.NewRequest(&wire.RenewRequest{Csr: requested(t)}))
		return err
	}
	if err := renew(); err != nil {
		t.Fatalf("before: %v", err)
	}
	revoke = func() {
		if _, err := p.revoke(t.Context(), thief.certificate.SerialNumber.Text(16), "ada", "stolen"); err != nil {
			t.Error(err)
		}
	}
	if err := renew(); connect.CodeOf(err) != connect.CodePermissionDenied || !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("revoked while it renews: %v", err)
	}
}

// An alarm is measured by the life that a certificate has, whoever issued it.
func TestReportedLife(t *testing.T) {
	t.Parallel()
	p := assembled(t)
	c, now := callerAs(t, p, workload("web", "", "web-1")).certificate, time.Now()
	report := func(serial string) *wire.TrustReport {
		return &wire.TrustReport{Serial: serial, Expires: timestamppb.New(now.Add(time.Hour))}
	}
	h := reported(mesh.Holder{}, report(c.SerialNumber.Text(16)), c, now)
	if !h.Issued.Equal(c.NotBefore) {
		t.Errorf("that it came with began at %s, want %s", h.Issued, c.NotBefore)
	}
	h = reported(h, report("abc"), c, now)
	if !h.Issued.Equal(now) {
		t.Errorf("a later one began at %s, want %s", h.Issued, now)
	}
	if h = reported(h, report("abc"), c, now.Add(time.Minute)); !h.Issued.Equal(now) {
		t.Errorf("the same one again began at %s, want %s", h.Issued, now)
	}
}

// A control plane that stood still while others rotated the CA, or took a certificate
// back, signs with what is in force as soon as it goes on.
func TestAStaleAuthoritySignsNothing(t *testing.T) {
	t.Parallel()
	stale := assembled(t)
	other, err := stale.assemble(t.Context(), stale.store)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{authority: stale.authority, issuer: stale.authority, leaves: stale.leaves, tokens: stale.tokens, hub: stale.hub, tally: stale.tally, log: logger(t)}
	former := stale.authority.Trust().Signer
	for range 3 {
		if _, err := other.rotate(t.Context(), "ada", true); err != nil {
			t.Fatal(err)
		}
	}
	if stale.authority.Trust().Signer != former {
		t.Fatal("it has heard of the rotation: nothing is tested")
	}
	token, err := other.createToken(t.Context(), admin.TokenRequest{By: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Enroll(t.Context(), connect.NewRequest(&wire.EnrollRequest{
		Token: token, Csr: requested(t), Workload: &wire.Workload{Service: "web", Instance: "web-1"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(out.Msg.GetChain()[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for _, r := range other.authority.Roots() {
		pool.AddCert(r)
	}
	between := x509.NewCertPool()
	for _, der := range out.Msg.GetChain()[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Errorf("the certificate is not of the authority in force: %v", err)
	}
	thief := callerAs(t, stale, workload("web", "", "web-2"))
	if _, err := other.revoke(t.Context(), thief.certificate.SerialNumber.Text(16), "ada", "stolen"); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), callerKey{}, thief)
	if _, err := s.Renew(ctx, connect.NewRequest(&wire.RenewRequest{Csr: requested(t)})); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("renewal of what another control plane has revoked: %v", err)
	}
}
