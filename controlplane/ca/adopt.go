package ca

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// first is the state of a new mesh.
func (a *Authority) first(ctx context.Context, supplied *suppliedCA) (State, error) {
	now := a.now()
	var m *Material
	var err error
	if supplied != nil {
		m, err = a.sealSupplied(ctx, supplied)
	} else {
		m, err = a.makeOwn(ctx, now)
	}
	if err != nil {
		return State{}, err
	}
	return State{Version: 1, Roots: [][]byte{m.Root}, Signer: *m, Since: now}, nil
}

// adopt puts a state in force, unless that in force is as new.
func (a *Authority) adopt(ctx context.Context, s State) error {
	a.loading.Lock()
	defer a.loading.Unlock()
	was := a.current.Load()
	if was != nil && was.state.Version >= s.Version {
		return nil
	}
	next := &opened{state: s, bundle: x509bundle.New(a.domain), changed: make(chan struct{})}
	for _, der := range s.Roots {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("read root: %w", err)
		}
		if err := ofDomain(root, a.domain); err != nil {
			return fmt.Errorf("stored root: %w", err)
		}
		next.roots = append(next.roots, root)
		next.bundle.AddX509Authority(root)
	}
	var err error
	if next.signing, err = x509.ParseCertificate(s.Signer.signing()); err != nil {
		return fmt.Errorf("read signing certificate: %w", err)
	}
	if next.key, err = a.unseal(ctx, s.Signer.Key); err != nil {
		return err
	}
	next.revoked = revocationsOf(s.Revoked)
	next.chain = s.Signer.Chain
	if s.Phase == Renew && s.Signer.Cross != nil {
		next.chain = append(slices.Clip(next.chain), s.Signer.Cross)
	}
	a.current.Store(next)
	if was != nil {
		close(was.changed)
	}
	return nil
}

func revocationsOf(all []mesh.Revocation) *identity.Revocations {
	list := make([]identity.Revocation, 0, len(all))
	for _, r := range all {
		list = append(list, identity.Revocation{Serial: r.Serial, Identity: string(r.Identity), Before: r.Before})
	}
	return identity.NewRevocations(list)
}

// ofDomain refuses an authority that names another trust domain than it is for.
func ofDomain(c *x509.Certificate, domain spiffeid.TrustDomain) error {
	for _, u := range c.URIs {
		if u.Scheme == "spiffe" && u.Host != domain.Name() {
			return fmt.Errorf("is of trust domain %q, want %q", u.Host, domain.Name())
		}
	}
	return nil
}

// change replaces the state and puts the new one in force.
func (a *Authority) change(ctx context.Context, how func(*State) error) error {
	var stored State
	err := a.records.Update(ctx, stateKey, func(s State) (State, error) {
		if err := how(&s); err != nil {
			return s, err
		}
		s.Version++
		stored = s
		return s, nil
	})
	if err != nil {
		return err
	}
	return a.adopt(ctx, stored)
}
