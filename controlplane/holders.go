package controlplane

import (
	"cmp"
	"context"
	"crypto/x509"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// mostHolders are in one answer.
const mostHolders = 2000

// roots are the authority's, each with its part in a rotation.
func roots(at ca.Standing, active *x509.Certificate) []mesh.AuthorityCertificate {
	other := map[ca.Phase]string{ca.Distribute: "incoming", ca.Renew: "retiring"}[at.Phase]
	out := make([]mesh.AuthorityCertificate, 0, len(at.Roots))
	for _, r := range at.Roots {
		c := describe(r)
		c.Role = other
		if r.Equal(active) {
			c.Role = "active"
		}
		out = append(out, c)
	}
	return out
}

// certificateHolders are who is connected with a certificate, here or at all control planes.
func (p *plane) certificateHolders(ctx context.Context, own bool) (mesh.Holders, error) { //nolint:revive // the API's own flag
	var out mesh.Holders
	out.Holders = p.ownHolders()
	if !own {
		peers, err := p.replicas.peers(ctx)
		if err != nil {
			return out, err
		}
		askEach(ctx, peers, (*admin.Client).OwnHolders, func(id string, theirs mesh.Holders, err error) {
			if err != nil {
				out.Silent = append(out.Silent, id)
			}
			out.Holders = append(out.Holders, theirs.Holders...)
			out.Left += theirs.Left
		})
		slices.Sort(out.Silent)
	}
	slices.SortFunc(out.Holders, byUrgency)
	n := min(len(out.Holders), mostHolders)
	out.Left += len(out.Holders) - n
	out.Holders = out.Holders[:n]
	return out, nil
}

// ownHolders have their stream here.
func (p *plane) ownHolders() []mesh.Holder {
	now := p.authority.Trust()
	active, former := "", ""
	for _, r := range roots(p.authority.Standing(), p.authority.Root()) {
		switch r.Role {
		case "active":
			active = r.Fingerprint
		case "retiring":
			former = r.Fingerprint
		}
	}
	out := p.holders.List()
	for i := range out {
		switch out[i].Signer {
		case "": // it has reported nothing yet
		case now.Signer:
			out[i].Root = active
		case now.Former:
			out[i].Root = former
		}
	}
	return out
}

// byUrgency has those first whose certificate comes near its end, then those whose
// renewals fail, then those that end first.
func byUrgency(a, b mesh.Holder) int {
	rank := map[string]int{"expired": 3, "critical": 2, "warning": 1}
	return cmp.Or(
		cmp.Compare(rank[b.Alarm], rank[a.Alarm]),
		cmp.Compare(b.Failures, a.Failures),
		a.Expires.Compare(b.Expires),
		cmp.Compare(a.Instance, b.Instance),
		cmp.Compare(a.Identity, b.Identity),
	)
}
