package apitest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/api"
)

const oldRoot, newRoot = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef", "2c624232cdd221771294dfbb310aca000a0df6ac8b66b696d90ef06fdefb64a3"

// Authority is one in the middle of a rotation, or in a silent shop one that nothing is
// wrong with.
func (s *Shop) Authority(ctx context.Context) (mesh.Authority, error) {
	at := func(subject, fingerprint, role string, from, to time.Duration) mesh.AuthorityCertificate {
		return mesh.AuthorityCertificate{
			Subject: subject, Fingerprint: fingerprint, Serial: fingerprint[:16], Role: role,
			Begins: s.now().Add(from), Expires: s.now().Add(to),
		}
	}
	const day = 24 * time.Hour
	a := mesh.Authority{
		TrustDomain: "mesh.local", Phase: "steady", Version: 1, Own: true, Holders: 13, Leaves: 13,
		Signing: at("CN=mesh.local signing 1", strings.Repeat("a1", 32), "", -30*day, 335*day),
		Roots:   []mesh.AuthorityCertificate{at("CN=mesh.local root 1", oldRoot, "active", -30*day, 3620*day)},
		Next:    "make a new root and trust it beside the present one",
		Lagging: []mesh.Holder{}, Outstanding: []mesh.Leaf{}, Troubled: []mesh.Holder{}, Revoked: []mesh.Revocation{},
	}
	if s.silent {
		a.Holders, a.Leaves = 0, 0
		return a, nil
	}
	a.Phase, a.Since, a.Version, a.Next = "renew", s.now().Add(-11*time.Minute), 3, "remove the old root, once no certificate below it is in use"
	a.Roots = []mesh.AuthorityCertificate{
		at("CN=mesh.local root 1", oldRoot, "retiring", -3640*day, 10*day),
		at("CN=mesh.local root 2", newRoot, "active", -time.Hour, 3650*day),
	}
	a.Roots[0].Alarm = "critical"
	all, err := s.Holders(ctx)
	for _, h := range all.Holders {
		if h.Failures > 0 {
			a.Troubled = append(a.Troubled, h)
		}
		if h.Root == oldRoot {
			a.Outdated = append(a.Outdated, h)
		}
	}
	a.Old = len(a.Outdated)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.Revoked = append(a.Revoked, s.revoked...)
	return a, err
}

// Holders are the sidecars; one cannot renew its certificate.
func (s *Shop) Holders(ctx context.Context) (mesh.Holders, error) {
	all, err := s.Proxies(ctx)
	var out mesh.Holders
	for i, p := range all {
		h := mesh.Holder{
			Identity: p.Instance.Identity, Instance: p.Instance.ID, Service: p.Instance.Service, Since: p.Since, Version: 3,
			Signer: "b2", Root: newRoot, Serial: fmt.Sprintf("7c%014x", i), Issued: s.now().Add(-5 * time.Hour), Expires: p.CertExpires,
		}
		if p.Instance.Service == "shipping" {
			h.Signer, h.Root, h.Issued, h.Expires, h.Alarm = "a1", oldRoot, s.now().Add(-23*time.Hour), s.now().Add(53*time.Minute), "critical"
			h.Failures, h.Failure = 41, "renew certificate: dial 10.0.0.7:15012: connection refused"
			out.Holders = append([]mesh.Holder{h}, out.Holders...)
			continue
		}
		if p.Instance.Service == "users" {
			h.Signer, h.Root = "spire", ""
		}
		out.Holders = append(out.Holders, h)
	}
	return out, err
}

// Rotate tells how it stands, and goes no further.
func (s *Shop) Rotate(ctx context.Context, _ api.RotateRequest) (mesh.Authority, error) {
	return s.Authority(ctx)
}

// Revoke takes a certificate back.
func (s *Shop) Revoke(_ context.Context, r api.RevokeRequest) (mesh.Revocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	back := mesh.Revocation{Serial: r.What, By: r.By, Reason: r.Reason, Expires: s.now().Add(24 * time.Hour)}
	s.revoked = append(s.revoked, back)
	s.tell(mesh.Event{Kind: mesh.EventIdentity, By: r.By, Summary: "revoked certificate " + r.What})
	return back, nil
}

// Tokens are none.
func (*Shop) Tokens(context.Context) ([]mesh.JoinToken, error) { return nil, nil }

// RevokeToken ends none.
func (*Shop) RevokeToken(context.Context, string, string) error { return nil }
