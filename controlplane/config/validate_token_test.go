package config_test

import (
	"testing"
)

func TestValidateRequestAuthentication(t *testing.T) {
	const keys = `jwks: '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}'`
	for _, tt := range []struct{ rule, want string }{
		{`issuer: a, ` + keys, ""},
		{`issuer: a, jwksUri: "https://a/keys", audiences: [x], outputPayloadToHeader: x-p, outputClaimToHeaders: [{header: x-g, claim: g}]`, ""},
		{keys, "error spec.jwtRules[0].issuer: is missing; want the iss claim of the tokens"},
		{`issuer: a`, "error spec.jwtRules[0].jwksUri: is missing; want where the issuer publishes its keys, or jwks"},
		{`issuer: a, jwksUri: "http://a/keys"`, `error spec.jwtRules[0].jwksUri: "http://a/keys" is not an https URL; keys that come unprotected prove nothing`},
		{`issuer: a, jwksUri: "https://a", ` + keys, "error spec.jwtRules[0].jwksUri: cannot stand beside jwks; keep one"},
		{`issuer: a, jwks: "x"`, "error spec.jwtRules[0].jwks: is not a JSON Web Key Set"},
		{`issuer: a, jwks: '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'`, "error spec.jwtRules[0].jwks: keys[0] holds a secret; want public keys only"},
		{`issuer: a, jwks: '{"keys":[]}'`, "error spec.jwtRules[0].jwks: has no public key of kty RSA, EC or OKP"},
		{`issuer: a, fromHeaders: [{name: "x y"}], ` + keys, `error spec.jwtRules[0].fromHeaders[0].name: "x y" is not a header's name; want one such as x-token`},
		{`issuer: a, fromParams: [""], ` + keys, `error spec.jwtRules[0].fromParams[0]: "" fits nothing`},
		{`issuer: a, outputPayloadToHeader: Host, ` + keys, `error spec.jwtRules[0].outputPayloadToHeader: "Host" is needed for the request itself; want a name such as x-jwt-payload`},
		{`issuer: a, outputPayloadToHeader: X-G, outputClaimToHeaders: [{header: x-g, claim: g}], ` + keys, `error spec.jwtRules[0].outputClaimToHeaders[0].header: "x-g" is filled in twice`},
		{`issuer: a, outputClaimToHeaders: [{header: x-g}], ` + keys, `error spec.jwtRules[0].outputClaimToHeaders[0].claim: is missing; want the name of a claim`},
	} {
		manifest := "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: r}\nspec: {jwtRules: [{" + tt.rule + "}]}\n"
		wantFinding(t, manifest, tt.want)
	}
}
