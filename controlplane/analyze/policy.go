package analyze

import (
	"fmt"
	"slices"

	security "istio.io/api/security/v1beta1"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// authorizationPolicy finds policies that deny or allow everything.
func (a *analyzer) authorizationPolicy() {
	p := a.object.AuthorizationPolicy
	if a.object.DryRun() {
		return
	}
	a.claimed(p)
	others := a.otherAllows()
	switch allow := p.GetAction() == security.AuthorizationPolicy_ALLOW; {
	case allow && len(p.GetRules()) == 0 && len(others) == 0:
		a.find(config.CodeDeniesAll, "spec", "ALLOW without rules allows nothing, and no other policy of these instances allows anything; give it rules, or add a policy that does")
	case allow && len(p.GetRules()) == 0:
		a.find(config.CodeDefaultDeny, "spec", "allows nothing itself; what passes is what %s allows", names(others))
	case allow && len(others) > 0:
		if i := slices.IndexFunc(p.GetRules(), everything); i >= 0 {
			a.find(config.CodeAllowsAll, fmt.Sprintf("spec.rules[%d]", i), "fits every request, so %s decides nothing where both hold; give the rule conditions, or delete the other", names(others))
		}
	case p.GetAction() == security.AuthorizationPolicy_DENY:
		if i := slices.IndexFunc(p.GetRules(), everything); i >= 0 {
			a.find(config.CodeDeniesAll, fmt.Sprintf("spec.rules[%d]", i), "fits every request, so all of them are denied; give it conditions")
		}
	}
}

// otherAllows are the keys of the other ALLOW policies in force that let something
// through to an instance that this one selects.
func (a *analyzer) otherAllows() []string {
	var out []string
	for _, o := range a.all {
		p := o.AuthorizationPolicy
		if p == nil || o.Key() == a.object.Key() || o.DryRun() || p.GetAction() != security.AuthorizationPolicy_ALLOW || len(p.GetRules()) == 0 {
			continue
		}
		if together(o, *a.object) {
			out = append(out, o.Key())
		}
	}
	return out
}

// together reports whether an instance may be selected by both.
func together(x, y config.Object) bool {
	everywhere := x.Namespace == mesh.SystemNamespace || y.Namespace == mesh.SystemNamespace
	if !everywhere && x.Namespace != y.Namespace {
		return false
	}
	other := y.Selector()
	for k, v := range x.Selector() {
		if w, both := other[k]; both && w != v {
			return false
		}
	}
	return true
}

// claimed finds who is let in by an address alone that the caller itself writes.
func (a *analyzer) claimed(p *security.AuthorizationPolicy) {
	if p.GetAction() != security.AuthorizationPolicy_ALLOW {
		return
	}
	const why = "asks for no identity beside the address, and X-Forwarded-For is what the caller writes"
	for i, r := range p.GetRules() {
		anyone := len(r.GetFrom()) == 0
		for j, f := range r.GetFrom() {
			s := f.GetSource()
			anyone = anyone || !identified(s)
			if len(s.GetRemoteIpBlocks())+len(s.GetNotRemoteIpBlocks()) > 0 && !identified(s) {
				a.find(config.CodeClaimed, fmt.Sprintf("spec.rules[%d].from[%d].source", i, j), why)
			}
		}
		for j, c := range r.GetWhen() {
			if anyone && c.GetKey() == "remote.ip" {
				a.find(config.CodeClaimed, fmt.Sprintf("spec.rules[%d].when[%d]", i, j), why)
			}
		}
	}
}

// identified reports whether a source asks who the caller is.
func identified(s *security.Source) bool {
	return len(s.GetPrincipals())+len(s.GetNamespaces())+len(s.GetServiceAccounts())+len(s.GetTrustDomains())+len(s.GetIpBlocks()) > 0
}

func names(keys []string) string {
	if len(keys) > 2 {
		return fmt.Sprintf("%s, %s and %d more", keys[0], keys[1], len(keys)-2)
	}
	if len(keys) == 2 {
		return keys[0] + " and " + keys[1]
	}
	return keys[0]
}

// everything reports whether a rule fits every request.
func everything(r *security.Rule) bool {
	anyone := len(r.GetFrom()) == 0
	anywhere := len(r.GetTo()) == 0 || slices.ContainsFunc(r.GetTo(), func(t *security.Rule_To) bool {
		return everyOperation(t.GetOperation())
	})
	return anyone && anywhere && len(r.GetWhen()) == 0
}

// everyOperation reports whether an operation is "*" in all that it asks for.
func everyOperation(o *security.Operation) bool {
	if len(o.GetNotHosts())+len(o.GetNotMethods())+len(o.GetNotPaths())+len(o.GetNotPorts())+len(o.GetPorts()) > 0 {
		return false
	}
	open := func(values []string, all ...string) bool {
		return len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return slices.Contains(all, v) })
	}
	return open(o.GetHosts(), "*") && open(o.GetMethods(), "*") && open(o.GetPaths(), "*", "/*", "/{**}")
}
