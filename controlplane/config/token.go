package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"
)

func requestAuthenticationKind() kind {
	return kind{
		shape:    func() shape { return messageShape((&security.RequestAuthentication{}).ProtoReflect().Descriptor()) },
		supports: requestAuthenticationSupports,
		refuses:  requestAuthenticationRefuses.of,
		accepts:  selectorAccepts,
		fill: func(o *Object, spec map[string]any) error {
			o.RequestAuthentication = &security.RequestAuthentication{}
			return unmarshal(spec, o.RequestAuthentication)
		},
	}
}

// requestAuthenticationSupports lists the fields that the mesh acts on: all but the
// target references of waypoints and gateways, and the time the control plane takes
// to fetch keys, which the sidecars do themselves.
func requestAuthenticationSupports(rule string) bool {
	switch rule {
	case "targetRef", "targetRefs", "jwtRules.timeout":
		return false
	}
	return true
}

func (v *validator) requestAuthentication(p *security.RequestAuthentication) {
	v.selects()
	if len(p.GetJwtRules()) == 0 {
		v.warn("spec.jwtRules", "is empty, so tokens are taken no notice of")
	}
	for i, r := range p.GetJwtRules() {
		v.jwtRule(r, fmt.Sprintf("spec.jwtRules[%d]", i))
	}
}

func (v *validator) jwtRule(r *security.JWTRule, at string) {
	if r.GetIssuer() == "" {
		v.fault(at+".issuer", "is missing; want the iss claim of the tokens")
	}
	switch u, err := url.Parse(r.GetJwksUri()); {
	case r.GetJwks() != "" && r.GetJwksUri() != "":
		v.fault(at+".jwksUri", "cannot stand beside jwks; keep one")
	case r.GetJwks() != "":
		if complaint := keySet(r.GetJwks()); complaint != "" {
			v.fault(at+".jwks", "%s", complaint)
		}
	case r.GetJwksUri() == "":
		v.fault(at+".jwksUri", "is missing; want where the issuer publishes its keys, or jwks: nobody is asked where that is by the issuer's name")
	case err != nil || u.Scheme != "https" || u.Host == "":
		v.fault(at+".jwksUri", "%q is not an https URL; keys that come unprotected prove nothing", r.GetJwksUri())
	}
	for i, h := range r.GetFromHeaders() {
		v.headerName(h.GetName(), fmt.Sprintf("%s.fromHeaders[%d].name", at, i))
	}
	v.each(at, values{
		"audiences": r.GetAudiences(), "fromParams": r.GetFromParams(), "fromCookies": r.GetFromCookies(),
		"spaceDelimitedClaims": r.GetSpaceDelimitedClaims(),
	}, func(string) string { return "" })
	v.outputs(r, at)
}

// outputs are the fields that the app is told of a token by: each may be filled in
// once, and none that the mesh or HTTP itself needs.
func (v *validator) outputs(r *security.JWTRule, at string) {
	var seen []string
	check := func(name, path string) {
		if !v.headerName(name, path) {
			return
		}
		switch lower := strings.ToLower(name); {
		case slices.Contains(seen, lower):
			v.fault(path, "%q is filled in twice; want another name", name)
		case reserved(lower):
			v.fault(path, "%q is needed for the request itself; want a name such as x-jwt-payload", name)
		default:
			seen = append(seen, lower)
		}
	}
	if r.GetOutputPayloadToHeader() != "" {
		check(r.GetOutputPayloadToHeader(), at+".outputPayloadToHeader")
	}
	for i, c := range r.GetOutputClaimToHeaders() {
		path := fmt.Sprintf("%s.outputClaimToHeaders[%d]", at, i)
		check(c.GetHeader(), path+".header")
		if c.GetClaim() == "" {
			v.fault(path+".claim", "is missing; want the name of a claim")
		}
	}
}

// headerName faults what cannot be the name of a field of HTTP.
func (v *validator) headerName(name, path string) bool {
	if !token(name) {
		v.fault(path, "%q is not a header's name; want one such as x-token", name)
		return false
	}
	return true
}

// reserved reports whether a field carries a request's framing or routing.
func reserved(lower string) bool {
	switch lower {
	case "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive",
		"proxy-connection", "expect", "traceparent", "x-request-id":
		return true
	}
	return strings.HasPrefix(lower, "x-sightline-")
}
