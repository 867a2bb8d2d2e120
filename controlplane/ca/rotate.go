package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// ErrPhase is wrapped when a rotation is not where it would have to be.
var ErrPhase = errors.New("the rotation is in another phase")

// Phase is how far a rotation is.
func (a *Authority) Phase() Phase { return a.current.Load().state.Phase }

// Distribute begins a rotation: to the supplied authority that waits for it, else to a
// new one of the mesh's own. The new root is trusted from now on, and signs nothing yet.
func (a *Authority) Distribute(ctx context.Context) error {
	o := a.current.Load()
	if a.Sealing().Added != "" { // who was not given both passphrases could not open the new one's key
		return fmt.Errorf("begin rotation: %w: with two passphrases; settle that first", ErrSealing)
	}
	next, err := a.successor(ctx, o)
	if err == nil {
		err = a.step(ctx, o, Steady, func(s *State) error {
			s.Next, s.Supplied = next, nil
			if !slices.ContainsFunc(s.Roots, func(r []byte) bool { return string(r) == string(next.Root) }) {
				s.Roots = append(s.Roots, next.Root)
			}
			s.Phase = Distribute
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("begin rotation: %w", err)
	}
	return nil
}

// successor is the authority that a rotation goes to, proved to be able to sign.
func (a *Authority) successor(ctx context.Context, o *opened) (*Material, error) {
	var next Material
	if o.state.Supplied != nil {
		next = *o.state.Supplied
	} else {
		own, err := a.makeOwn(ctx, a.now())
		if err != nil {
			return nil, err
		}
		next = *own
	}
	if err := a.prove(ctx, &next); err != nil {
		return nil, err
	}
	var err error
	next.Cross, err = a.cross(ctx, &o.state.Signer, &next)
	return &next, err
}

// prove is an error unless the key can be opened here and is that of the certificate: a
// signer of which that is not so would end the mesh.
func (a *Authority) prove(ctx context.Context, m *Material) error {
	signing, err := x509.ParseCertificate(m.signing())
	if err != nil {
		return fmt.Errorf("read next signing certificate: %w", err)
	}
	key, err := a.unseal(ctx, m.Key)
	if err != nil {
		return fmt.Errorf("open the key of %q: %w", signing.Subject, err)
	}
	if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(signing.PublicKey) {
		return fmt.Errorf("the key that is stored is not that of %q", signing.Subject)
	}
	return nil
}

// SignWithNext has the new authority sign. Whoever verifies must trust its root by now.
func (a *Authority) SignWithNext(ctx context.Context) error {
	o := a.current.Load()
	err := a.step(ctx, o, Distribute, func(s *State) error {
		if err := a.prove(ctx, s.Next); err != nil {
			return err
		}
		s.Signer, s.Next, s.Former = *s.Next, nil, keyID(o.signing)
		s.Phase = Renew
		return nil
	})
	if err != nil {
		return fmt.Errorf("sign with the new authority: %w", err)
	}
	return nil
}

// Retire ends a rotation: the root that signs is the only one that is trusted.
// Certificates of the old one are worth nothing from now on.
func (a *Authority) Retire(ctx context.Context) error {
	err := a.step(ctx, a.current.Load(), Renew, func(s *State) error {
		s.Roots = [][]byte{s.Signer.Root}
		s.Signer.Cross, s.Former = nil, ""
		s.Phase = Steady
		return nil
	})
	if err != nil {
		return fmt.Errorf("retire the old root: %w", err)
	}
	return nil
}

// Abandon takes back a rotation whose new authority has signed nothing yet.
func (a *Authority) Abandon(ctx context.Context) error {
	err := a.step(ctx, a.current.Load(), Distribute, func(s *State) error {
		s.Next = nil
		s.Roots = [][]byte{s.Signer.Root}
		s.Phase = Steady
		return nil
	})
	if err != nil {
		return fmt.Errorf("abandon rotation: %w", err)
	}
	return nil
}

// step makes a change to the authority that was looked at, if it is in the phase.
func (a *Authority) step(ctx context.Context, seen *opened, from Phase, how func(*State) error) error {
	return a.change(ctx, func(s *State) error {
		if s.Phase != from || string(s.Signer.Root) != string(seen.state.Signer.Root) {
			if s.Phase == Steady {
				return fmt.Errorf("%w: there is none under way", ErrPhase)
			}
			return fmt.Errorf("%w: it is %q", ErrPhase, s.Phase)
		}
		s.Since = a.now().UTC()
		return how(s)
	})
}

// cross has the old root vouch for the key that signs next, so that who trusts that
// root alone, as join tokens do, is not cut off before it is gone. It is nil where the
// old root's key is not the mesh's.
func (a *Authority) cross(ctx context.Context, old, next *Material) ([]byte, error) {
	if old.RootKey == nil || string(old.Root) == string(next.Root) {
		return nil, nil
	}
	signing, err := x509.ParseCertificate(next.signing())
	if err != nil {
		return nil, fmt.Errorf("read next signing certificate: %w", err)
	}
	root, err := x509.ParseCertificate(old.Root)
	if err != nil {
		return nil, fmt.Errorf("read root: %w", err)
	}
	key, err := a.unseal(ctx, old.RootKey)
	if err != nil {
		return nil, err
	}
	now := a.now()
	template := &x509.Certificate{
		SerialNumber: serial(now), RawSubject: signing.RawSubject, SubjectKeyId: signing.SubjectKeyId,
		NotBefore: now.Add(-authorityEarlier), NotAfter: minTime(root.NotAfter, signing.NotAfter),
		KeyUsage: signing.KeyUsage, BasicConstraintsValid: true, IsCA: true,
		MaxPathLen: 0, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, root, signing.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("have the old root vouch for the new authority: %w", err)
	}
	return der, nil
}

// Maintain does what is due once in a while: a new certificate for the intermediate at
// half of its life, with the key it has, and keys sealed anew where another kind of key
// should seal them. It is to be called every hour or so.
func (a *Authority) Maintain(ctx context.Context) error {
	o := a.current.Load()
	next := o.state.Signer
	renewed, err := a.renewIntermediate(ctx, o, &next)
	if err != nil {
		return err
	}
	resealed, err := a.reseal(ctx, &next)
	if err != nil {
		return err
	}
	waiting, supplied := a.resealed(ctx, o.state.Next), a.resealed(ctx, o.state.Supplied)
	if !renewed && !resealed && waiting == o.state.Next && supplied == o.state.Supplied {
		return nil
	}
	err = a.change(ctx, func(s *State) error {
		if s.Version != o.state.Version {
			return errMeanwhile
		}
		s.Signer, s.Next, s.Supplied = next, waiting, supplied
		return nil
	})
	if errors.Is(err, errMeanwhile) {
		return nil // someone else was at it; the next call looks again
	}
	return err
}

var errMeanwhile = errors.New("changed meanwhile")

func (a *Authority) renewIntermediate(ctx context.Context, o *opened, m *Material) (bool, error) {
	now := a.now()
	if m.RootKey == nil || now.Before(halfLife(o.signing)) {
		return false, nil
	}
	rootKey, err := a.unseal(ctx, m.RootKey)
	if err != nil {
		return false, err
	}
	der, err := a.certifyIntermediate(m.Root, rootKey, o.key.Public(), now)
	if err != nil {
		return false, err
	}
	m.Chain = [][]byte{der}
	return true, nil
}

func halfLife(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 2)
}

// reseal seals keys with the kind of key that is in use now, when a passphrase has come
// to what a file kept.
func (a *Authority) reseal(ctx context.Context, m *Material) (bool, error) {
	judge, ok := a.sealer.(interface{ Stale(sealed []byte) bool })
	if !ok {
		return false, nil
	}
	done := false
	for _, sealed := range []*[]byte{&m.Key, &m.RootKey} {
		if *sealed == nil || !judge.Stale(*sealed) {
			continue
		}
		key, err := a.unseal(ctx, *sealed)
		if err != nil {
			return false, err
		}
		if *sealed, err = a.seal(ctx, key); err != nil {
			return false, err
		}
		done = true
	}
	return done, nil
}

// resealed is m itself where there is nothing to do. One that does not sign yet and
// cannot be opened is left as it is: a rotation to it is refused, and tells why.
func (a *Authority) resealed(ctx context.Context, m *Material) *Material {
	if m == nil {
		return nil
	}
	anew := *m
	if done, err := a.reseal(ctx, &anew); err != nil || !done {
		return m
	}
	return &anew
}

// Standing is what people are told of an authority.
type Standing struct {
	Phase    Phase
	Since    time.Time
	Version  uint64
	Roots    []*x509.Certificate
	Signing  *x509.Certificate
	Own      bool // the root's key is the mesh's
	Supplied bool // an authority waits for a rotation
	Revoked  []mesh.Revocation
}

// Standing is how the authority stands now.
func (a *Authority) Standing() Standing {
	o := a.current.Load()
	return Standing{
		Phase: o.state.Phase, Since: o.state.Since, Version: o.state.Version,
		Roots: o.roots, Signing: o.signing, Own: o.state.Signer.RootKey != nil,
		Supplied: o.state.Supplied != nil, Revoked: alive(o.state.Revoked, a.now()),
	}
}
