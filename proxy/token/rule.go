package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// rule is a compiled mesh.TokenRule.
type rule struct {
	index     int
	issuer    string
	audiences []string
	keys      keySource

	headers []header
	params  []string
	cookies []string

	forward bool
	payload string
	claims  []mesh.ClaimHeader
	spaced  []string
}

// Compile reports every fault of all rules. Keys that have to be fetched are the
// fetcher's to get. It is nil for no rules.
func Compile(rules []mesh.TokenRule, f *Fetcher) (*Verifier, error) {
	if len(rules) == 0 {
		return nil, nil //nolint:nilnil // no rules: nothing to verify
	}
	v := &Verifier{params: map[string]bool{}, cache: newCache()}
	var bad []error
	for i := range rules {
		r, err := compileRule(&rules[i], f)
		if err != nil {
			bad = append(bad, fmt.Errorf("rule %d, issuer %q: %w", i, rules[i].Issuer, err))
			continue
		}
		r.index = i
		v.rules = append(v.rules, r)
		for _, p := range r.params {
			v.params[p] = true
		}
		v.forward = v.forward || r.forward
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	v.strip = v.spoofable()
	return v, nil
}

func compileRule(m *mesh.TokenRule, f *Fetcher) (rule, error) {
	r := rule{
		issuer: m.Issuer, audiences: m.Audiences, params: m.FromParams, cookies: m.FromCookies,
		forward: m.Forward, payload: m.PayloadHeader, claims: m.ClaimHeaders,
		spaced: append([]string{"scope", "permission"}, m.SpaceDelimited...),
	}
	for _, h := range m.FromHeaders {
		r.headers = append(r.headers, header{name: h.Name, prefix: h.Prefix})
	}
	if len(m.FromHeaders)+len(m.FromParams)+len(m.FromCookies) == 0 {
		r.headers = []header{{name: "authorization", prefix: bearer, anyCase: true}}
		r.params = []string{"access_token"}
	}
	switch {
	case m.Issuer == "":
		return rule{}, errors.New("no issuer is named")
	case (m.JWKS == "") == (m.JWKSURI == ""):
		return rule{}, errors.New("want either jwks or jwksUri")
	case m.JWKS != "":
		set, err := parseKeys([]byte(m.JWKS))
		if err != nil {
			return rule{}, fmt.Errorf("jwks: %w", err)
		}
		r.keys = fixed{set}
	default:
		u, err := url.Parse(m.JWKSURI)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			return rule{}, fmt.Errorf("jwksUri %q: want an https URL", m.JWKSURI)
		}
		r.keys = f.source(m.JWKSURI)
	}
	return r, nil
}

// spoofable removes the fields that only verified tokens may fill in.
func (v *Verifier) spoofable() []route.Edit {
	var out []route.Edit
	for i := range v.rules {
		for _, name := range v.rules[i].outputs() {
			if !slices.Contains(out, route.Edit{Op: route.Remove, Name: name}) {
				out = append(out, route.Edit{Op: route.Remove, Name: name})
			}
		}
	}
	return out
}

func (r *rule) outputs() []string {
	var names []string
	if r.payload != "" {
		names = append(names, r.payload)
	}
	for _, c := range r.claims {
		names = append(names, c.Header)
	}
	return names
}

// edits are what the app is told of a verified token.
func (v *Verifier) edits(r *rule, payload []byte, c claims) []route.Edit {
	out := slices.Clone(v.strip)
	if !r.forward {
		for _, h := range r.headers {
			out = append(out, route.Edit{Op: route.Remove, Name: h.name})
		}
	}
	if r.payload != "" {
		out = append(out, route.Edit{Op: route.Set, Name: r.payload, Value: base64.RawURLEncoding.EncodeToString(payload)})
	}
	for _, h := range r.claims {
		if value, ok := c.told(h.Claim); ok {
			out = append(out, route.Edit{Op: route.Set, Name: h.Header, Value: value})
		}
	}
	return out
}
