package compile

import (
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func tokens(o config.Object) []mesh.TokenRule {
	var out []mesh.TokenRule
	for _, r := range o.RequestAuthentication.GetJwtRules() {
		t := mesh.TokenRule{
			Issuer: r.GetIssuer(), Audiences: r.GetAudiences(), JWKS: r.GetJwks(), JWKSURI: r.GetJwksUri(),
			FromParams: r.GetFromParams(), FromCookies: r.GetFromCookies(), Forward: r.GetForwardOriginalToken(),
			PayloadHeader: strings.ToLower(r.GetOutputPayloadToHeader()), SpaceDelimited: r.GetSpaceDelimitedClaims(),
		}
		for _, h := range r.GetFromHeaders() {
			t.FromHeaders = append(t.FromHeaders, mesh.TokenHeader{Name: strings.ToLower(h.GetName()), Prefix: h.GetPrefix()})
		}
		for _, c := range r.GetOutputClaimToHeaders() {
			t.ClaimHeaders = append(t.ClaimHeaders, mesh.ClaimHeader{Header: strings.ToLower(c.GetHeader()), Claim: c.GetClaim()})
		}
		out = append(out, t)
	}
	return out
}
