package ca

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// mostRevoked bounds the list: each sidecar holds all of it. An identity takes one entry
// however many certificates it has.
const mostRevoked = 4096

// Errors that callers act on.
var (
	ErrBadRevocation  = errors.New("cannot be revoked")
	ErrTooManyRevoked = errors.New("too many revocations")
)

// Revoke takes back the certificate with a serial, in hex with or without colons, or
// all of an identity's, by its SPIFFE id. The holder is the serial's, if it is known.
// Revoking again is no error.
func (a *Authority) Revoke(ctx context.Context, what string, holder mesh.Leaf, by, reason string) (mesh.Revocation, error) {
	now := a.now().UTC()
	r, err := a.revocationOf(what, holder, now)
	if err != nil {
		return r, err
	}
	r.By, r.Reason = by, reason
	return r, a.change(ctx, func(s *State) error { return s.revoke(r, now) })
}

func (a *Authority) revocationOf(what string, holder mesh.Leaf, now time.Time) (mesh.Revocation, error) {
	r := mesh.Revocation{Expires: now.Add(a.longest())}
	if strings.Contains(what, "://") {
		id, err := a.revocable(what)
		r.Identity, r.Before = mesh.Identity(id.String()), now
		return r, err
	}
	serial, err := ParseSerial(what)
	r.Serial, r.Identity = serial, holder.Identity
	if !holder.Expires.IsZero() {
		r.Expires = holder.Expires
	}
	return r, err
}

// revocable reads a SPIFFE id whose certificates may be taken back.
func (a *Authority) revocable(what string) (spiffeid.ID, error) {
	id, err := spiffeid.FromString(what)
	switch {
	case err != nil:
		return id, fmt.Errorf("%w: %q: %w", ErrBadRevocation, what, err)
	case id.TrustDomain() != a.domain:
		return id, fmt.Errorf("%w: %s is not of trust domain %q", ErrBadRevocation, id, a.domain.Name())
	case string(identity.ControlPlane(a.domain.Name())) == id.String():
		return id, fmt.Errorf("%w: %s is the control plane's own; rotate the CA instead", ErrBadRevocation, id)
	}
	return id, nil
}

// longest is how long a certificate that was issued before now may still be good: the
// life may have been set to less since.
func (a *Authority) longest() time.Duration { return max(a.cfg.TTL, longestLife) }

const longestLife = 7 * 24 * time.Hour

// ParseSerial reads a serial number as people write it.
func ParseSerial(s string) (string, error) {
	serial := strings.TrimLeft(strings.ToLower(strings.ReplaceAll(s, ":", "")), "0")
	if serial == "" || len(serial) > 40 || strings.Trim(serial, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%w: %q: want a serial number in hex, or a SPIFFE id such as spiffe://mesh.local/ns/shop/sa/cart", ErrBadRevocation, s)
	}
	return serial, nil
}

func (s *State) revoke(r mesh.Revocation, now time.Time) error {
	kept := make([]mesh.Revocation, 0, len(s.Revoked)+1)
	for _, old := range alive(s.Revoked, now) {
		same := old.Serial == r.Serial && (r.Serial != "" || old.Identity == r.Identity)
		if !same {
			kept = append(kept, old)
		}
	}
	if len(kept) >= mostRevoked {
		return fmt.Errorf("%w: there are %d already; revoke identities, or rotate the CA", ErrTooManyRevoked, len(kept))
	}
	s.Revoked = append(kept, r)
	return nil
}

// alive are the revocations that still say something.
func alive(all []mesh.Revocation, now time.Time) []mesh.Revocation {
	out := make([]mesh.Revocation, 0, len(all))
	for _, r := range all {
		if now.Before(r.Expires) {
			out = append(out, r)
		}
	}
	return out
}

// CheckRevoked refuses a certificate that was taken back.
func (a *Authority) CheckRevoked(c *x509.Certificate) error {
	return a.current.Load().revoked.Check(c)
}
