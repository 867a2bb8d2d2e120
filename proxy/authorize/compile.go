package authorize

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// named is how many ALLOW policies a denial names that none of them fits.
const named = 3

// Compile reports every fault of all policies. domain is the mesh's trust domain,
// for which "cluster.local" stands in policies. It is nil for no policies.
func Compile(all []mesh.Authorization, domain string) (*Policies, error) {
	if len(all) == 0 {
		return nil, nil //nolint:nilnil // no policies: nothing to ask
	}
	p := &Policies{}
	var bad []error
	for i := range all {
		a := &all[i]
		rs, err := compileRules(a, domain)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		p.requests.add(a, rs)
		p.streams.add(a, rs.forStreams(a.Action))
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	for _, t := range []*tables{&p.requests, &p.streams} {
		t.force.nothing = nothing(denied, all, false)
		t.rehearsal.nothing = nothing(rehearsed, all, true)
	}
	return p, nil
}

// What is said of a denial, and of one that is not enforced.
const (
	denied    = "RBAC: access denied by "
	rehearsed = "dry-run: would be denied by "
	audited   = "audited by "
)

func (t *tables) add(a *mesh.Authorization, rs rules) {
	s, says := &t.force, denied
	if a.DryRun {
		s, says = &t.rehearsal, rehearsed
	}
	switch a.Action {
	case mesh.Deny:
		s.denials = append(s.denials, rs.saying(says)...)
	case mesh.Allow:
		s.allows = append(s.allows, rs...)
	default:
		t.audits = append(t.audits, rs.saying(audited)...)
	}
}

// saying is the rules with what is said when one decides.
func (rs rules) saying(what string) rules {
	out := make(rules, len(rs))
	for i, r := range rs {
		r.says = what + r.name
		out[i] = r
	}
	return out
}

func (rs rules) forStreams(action mesh.AuthorizationAction) rules {
	var out rules
	for i := range rs {
		if s, ok := rs[i].forStream(action); ok {
			out = append(out, s)
		}
	}
	return out
}

// nothing is what is said when no ALLOW policy of the stage fits.
func nothing(what string, all []mesh.Authorization, dryRun bool) string { //nolint:revive // which of the two stages
	var names []string
	for i := range all {
		if all[i].Action == mesh.Allow && all[i].DryRun == dryRun {
			names = append(names, all[i].Name)
		}
	}
	switch {
	case len(names) == 0:
		return ""
	case len(names) > named:
		names = append(names[:named], "…")
	}
	return what + "default: no rule fits of ALLOW policy " + strings.Join(names, ", ")
}

// compileRules names the policy in every fault.
func compileRules(p *mesh.Authorization, domain string) (rules, error) {
	switch p.Action {
	case mesh.Allow, mesh.Deny, mesh.Audit:
	default:
		return nil, fmt.Errorf("policy %s: action %q is not one of ALLOW, DENY, AUDIT", p.Name, p.Action)
	}
	out := make(rules, 0, len(p.Rules))
	var bad []error
	for i := range p.Rules {
		c := compiler{domain: domain}
		r := c.rule(&p.Rules[i])
		r.name = fmt.Sprintf("policy %s rule %d", p.Name, i)
		for _, err := range c.bad {
			bad = append(bad, fmt.Errorf("%s: %w", r.name, err))
		}
		out = append(out, r)
	}
	return out, errors.Join(bad...)
}

// Matcher is the condition of a policy's rule alone.
type Matcher struct{ rule rule }

// CompileRule compiles the condition of one rule.
func CompileRule(m *mesh.AuthorizationRule, domain string) (*Matcher, error) {
	c := compiler{domain: domain}
	out := &Matcher{c.rule(m)}
	return out, errors.Join(c.bad...)
}

// Fits reports whether the request meets the condition.
func (m *Matcher) Fits(q *Request) bool { return m.rule.fits(q) }

func (c *compiler) rule(m *mesh.AuthorizationRule) rule {
	var r rule
	for i := range m.From {
		r.from = append(r.from, c.source(&m.From[i]))
	}
	for i := range m.To {
		r.to = append(r.to, c.operation(&m.To[i]))
	}
	for i := range m.When {
		r.when = append(r.when, c.condition(&m.When[i]))
	}
	return r
}
