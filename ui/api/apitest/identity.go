package apitest

import (
	"context"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/api"
)

// Authority is one that nothing is wrong with.
func (s *Shop) Authority(context.Context) (mesh.Authority, error) {
	root := mesh.AuthorityCertificate{Subject: "CN=mesh.local root", Fingerprint: "00ff", Serial: "1", Expires: s.now().Add(10 * 365 * 24 * time.Hour)}
	return mesh.Authority{
		TrustDomain: "mesh.local", Phase: "steady", Version: 1, Signing: root, Roots: []mesh.AuthorityCertificate{root}, Own: true,
		Next:    "make a new root and trust it beside the present one",
		Lagging: []mesh.Holder{}, Outstanding: []mesh.Leaf{}, Troubled: []mesh.Holder{}, Revoked: []mesh.Revocation{},
	}, nil
}

// Rotate begins a rotation that goes no further.
func (s *Shop) Rotate(ctx context.Context, _ api.RotateRequest) (mesh.Authority, error) {
	a, err := s.Authority(ctx)
	a.Phase = "distribute"
	return a, err
}

// Revoke takes nothing back.
func (s *Shop) Revoke(_ context.Context, r api.RevokeRequest) (mesh.Revocation, error) {
	return mesh.Revocation{Serial: r.What, By: r.By, Reason: r.Reason, Expires: s.now().Add(24 * time.Hour)}, nil
}

// Tokens are none.
func (*Shop) Tokens(context.Context) ([]mesh.JoinToken, error) { return nil, nil }

// RevokeToken ends none.
func (*Shop) RevokeToken(context.Context, string, string) error { return nil }
