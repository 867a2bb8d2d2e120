package controlplane

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/ca/seal"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
	"github.com/sightline-mesh/sightline/controlplane/token"
	"github.com/sightline-mesh/sightline/controlplane/trust"
)

// KeyFile is the file in Config.Dir with the key that seals the CA's private keys where
// no passphrase does. Whoever reads it and the state has the CA.
const KeyFile = "ca.key"

// errLagging is wrapped when a rotation may not go on yet.
var errLagging = errors.New("the rotation has to wait")

// openAuthority loads the CA and what belongs to it.
func (p *plane) openAuthority(ctx context.Context) error {
	records := store.TableOf[ca.State](p.store, store.Authority)
	a, err := ca.Load(ctx, ca.Config{
		TrustDomain: p.cfg.TrustDomain, TTL: p.cfg.CertificateTTL, Supplied: p.cfg.CA,
	}, ca.Deps{Records: records, Sealer: seal.NewRing(p.cfg.CAPassphrase, filepath.Join(p.cfg.Dir, KeyFile))})
	if err != nil {
		return err
	}
	p.authority = a
	p.authorityNews = make(chan struct{}, 1)
	p.leaves = trust.NewLedger(p.store)
	p.holders = trust.New(rand.Text(), trust.Deps{Store: p.store, Logger: p.deps.Logger, Now: func() trust.Now {
		t := a.Trust()
		return trust.Now{Version: t.Version, Signer: t.Signer, Former: t.Former}
	}})
	p.tokens = token.NewLedger(grants{p.store, store.TableOf[token.Grant](p.store, store.Tokens)}, a, time.Now)
	return nil
}

func describe(c *x509.Certificate) mesh.AuthorityCertificate {
	sum := sha256.Sum256(c.Raw)
	return mesh.AuthorityCertificate{
		Subject: c.Subject.String(), Fingerprint: hex.EncodeToString(sum[:]), Serial: c.SerialNumber.Text(16),
		Begins: c.NotBefore, Expires: c.NotAfter, Alarm: string(identity.AlarmOf(c.NotBefore, c.NotAfter, time.Now())),
	}
}

// issued enters a certificate in the ledger. A store that is away must not end a mesh
// whose certificates are renewed meanwhile: what is not entered is logged.
func (s *service) issued(ctx context.Context, l mesh.Leaf) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ledgerTime)
	defer cancel()
	if err := s.leaves.Add(ctx, l); err != nil {
		s.log.Warn("a rotation will not wait for a certificate", "reason", err)
	}
}

// standing is how the CA stands in the whole mesh.
func (p *plane) standing(ctx context.Context) (mesh.Authority, error) {
	at := p.authority.Standing()
	now := p.authority.Trust()
	out := mesh.Authority{
		TrustDomain: p.cfg.TrustDomain, Phase: phaseName(at.Phase), Since: at.Since, Version: at.Version,
		Signing: describe(at.Signing), Own: at.Own, Supplied: at.Supplied, Twice: p.authority.Sealing().Added != "",
		Lagging: []mesh.Holder{}, Outstanding: []mesh.Leaf{}, Troubled: []mesh.Holder{}, Revoked: []mesh.Revocation{},
	}
	out.Roots = roots(at, p.authority.Root())
	out.Revoked = append(out.Revoked, at.Revoked...)
	all, err := p.leaves.All(ctx)
	if err != nil {
		return out, err
	}
	out.Leaves = len(all)
	out.Outstanding = trust.InUse(all, now.Signer)
	if err := p.sumHolders(ctx, &out, now.Version); err != nil {
		return out, err
	}
	if at.Phase != ca.Renew { // nobody waits for them
		out.Outdated, out.Old = nil, 0
	}
	tokens, err := p.tokens.List(ctx)
	for _, t := range tokens {
		if t.OldRoot && t.State == "good" {
			out.Tokens++
		}
	}
	out.Next = next(at)
	return out, err
}

// sumHolders adds what every control plane knows of those connected to it.
func (p *plane) sumHolders(ctx context.Context, out *mesh.Authority, version uint64) error {
	sums, err := p.holders.All(ctx)
	if err != nil {
		return err
	}
	for _, s := range sums {
		out.Holders += s.Holders
		out.Lagging = append(out.Lagging, s.Lagging...)
		out.Outdated = append(out.Outdated, s.Outdated...)
		out.Old += s.Old
		out.Troubled = append(out.Troubled, s.Troubled...)
		if time.Since(s.Started) < p.cfg.InstanceTTL && out.Leaves > 0 {
			out.Returning = true
		}
		if s.Version < version && s.Lag == 0 { // it has to hear of the change itself first
			out.Lagging = append(out.Lagging, mesh.Holder{Identity: identity.ControlPlane(p.cfg.TrustDomain), Instance: mesh.InstanceID("control plane " + s.Replica), Version: s.Version})
		}
	}
	return nil
}

func phaseName(p ca.Phase) string {
	if p == ca.Steady {
		return "steady"
	}
	return string(p)
}

func next(at ca.Standing) string {
	switch {
	case at.Phase == ca.Distribute:
		return "sign with the new authority, once all who are connected trust it"
	case at.Phase == ca.Renew:
		return "remove the old root, once no certificate below it is in use"
	case at.Supplied:
		return "trust the supplied authority that waits"
	}
	return "make a new root and trust it beside the present one"
}

// rotate takes the rotation one step further.
func (p *plane) rotate(ctx context.Context, by string, force bool) (mesh.Authority, error) {
	at, err := p.standing(ctx)
	if err != nil {
		return at, err
	}
	var done string
	switch p.authority.Phase() {
	case ca.Steady:
		done, err = "began to rotate the CA: its new root is trusted beside the old one", p.authority.Distribute(ctx)
	case ca.Distribute:
		done = "the CA's new authority signs: certificates are renewed"
		if err = lag(at, force); err == nil {
			err = p.authority.SignWithNext(ctx)
		}
	case ca.Renew:
		done = "rotated the CA: its old root is not trusted any more"
		if err = outstanding(at, force); err == nil {
			err = p.authority.Retire(ctx)
		}
	}
	if err != nil {
		return at, err
	}
	return p.rotated(ctx, by, done)
}

func (p *plane) abandonRotation(ctx context.Context, by string) (mesh.Authority, error) {
	if err := p.authority.Abandon(ctx); err != nil {
		return mesh.Authority{}, err
	}
	return p.rotated(ctx, by, "abandoned the rotation of the CA")
}

func (p *plane) rotated(ctx context.Context, by, what string) (mesh.Authority, error) {
	p.holders.Notify()
	p.deps.Logger.Info("certificate authority: "+what, "by", by)
	p.tell(mesh.Event{Kind: mesh.EventIdentity, By: by, Summary: what, Detail: map[string]string{"root": describe(p.authority.Root()).Fingerprint}})
	return p.standing(ctx)
}

func lag(at mesh.Authority, force bool) error {
	switch {
	case force:
		return nil
	case at.Returning:
		return fmt.Errorf("%w: a control plane has just started, and who was connected to it may not be back yet", errLagging)
	case len(at.Lagging) == 0:
		return nil
	}
	return fmt.Errorf("%w: %d who are connected do not trust the new root yet: %s", errLagging, len(at.Lagging), firstOf(at.Lagging))
}

// firstOf names the first few.
func firstOf(all []mesh.Holder) string {
	names := make([]string, 0, 5)
	for _, h := range all[:min(len(all), 5)] {
		names = append(names, string(h.Instance))
	}
	return strings.Join(names, ", ")
}

func outstanding(at mesh.Authority, force bool) error {
	err := lag(at, force)
	switch {
	case err != nil || force:
		return err
	case at.Old > 0: // the ledger has a certificate before its workload does
		return fmt.Errorf("%w: %d who are connected still use a certificate of the old root: %s", errLagging, at.Old, firstOf(at.Outdated))
	case len(at.Outstanding) == 0:
		return nil
	}
	last := at.Outstanding[len(at.Outstanding)-1]
	if last.Expires.IsZero() { // it and all before it
		return fmt.Errorf("%w: nobody knows who uses %s; see `sightline status`", errLagging, last.Instance)
	}
	return fmt.Errorf("%w: %d certificates of the old root are in use, such as that of %s; the last of them ends at %s",
		errLagging, len(at.Outstanding), at.Outstanding[0].Instance, last.Expires.UTC().Format(time.RFC3339))
}

// revoke takes back a certificate, by its serial number, or all of an identity's.
func (p *plane) revoke(ctx context.Context, what, by, reason string) (mesh.Revocation, error) {
	var holder mesh.Leaf
	if serial, err := ca.ParseSerial(what); err == nil {
		if holder, err = p.leaves.Get(ctx, serial); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrUnreadable) {
			return mesh.Revocation{}, err
		}
	}
	r, err := p.authority.Revoke(ctx, what, holder, by, reason)
	if err != nil {
		return mesh.Revocation{}, err
	}
	p.holders.Notify()
	summary := "revoked every certificate of " + string(r.Identity)
	if r.Serial != "" {
		summary = "revoked certificate " + r.Serial
	}
	p.deps.Logger.Warn("certificate authority: "+summary, "by", by, "reason", reason)
	p.tell(mesh.Event{
		Kind: mesh.EventIdentity, By: by, Summary: summary,
		Target: mesh.Target{Service: mesh.ServiceName(holder.Service), Instance: mesh.InstanceID(holder.Instance)},
		Detail: map[string]string{"serial": r.Serial, "identity": string(r.Identity), "reason": reason, "expires": r.Expires.Format(time.RFC3339)},
	})
	return r, nil
}
