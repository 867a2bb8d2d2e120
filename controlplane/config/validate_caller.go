package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// doubt is what there is to say of a value that fits nobody; the zero value is nothing.
type doubt struct {
	code    Code
	message string
}

// sourceFits warns of values in a source that no caller fits as things are: who allows
// them alone locks everybody out, and who denies them denies nobody.
func (v *validator) sourceFits(s *security.Source, at string) {
	v.doubtful(at, values{"principals": s.GetPrincipals(), "notPrincipals": s.GetNotPrincipals()}, v.principalFits)
	v.doubtful(at, values{"namespaces": s.GetNamespaces(), "notNamespaces": s.GetNotNamespaces()}, v.namespaceFits)
	v.doubtful(at, values{"trustDomains": s.GetTrustDomains(), "notTrustDomains": s.GetNotTrustDomains()}, v.domainFits)
	v.doubtful(at, values{"serviceAccounts": s.GetServiceAccounts(), "notServiceAccounts": s.GetNotServiceAccounts()}, v.accountFits)
}

// conditionFits does so for a condition.
func (v *validator) conditionFits(c *security.Condition, at string) {
	fits := map[string]func(string) doubt{
		"source.principal": v.principalFits, "source.namespace": v.namespaceFits,
		"source.trustDomain": v.domainFits, "source.serviceAccount": v.accountFits,
	}[c.GetKey()]
	if fits != nil {
		v.doubtful(at, values{"values": c.GetValues(), "notValues": c.GetNotValues()}, fits)
	}
}

func (v *validator) doubtful(at string, lists values, fits func(string) doubt) {
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		for i, value := range lists[name] {
			if value == "" || value == "*" || affixed(value) != "" {
				continue
			}
			if d := fits(value); d.code != "" {
				v.find(d.code, fmt.Sprintf("%s.%s[%d]", at, name, i), "%s", d.message)
			}
		}
	}
}

func (v *validator) principalFits(s string) doubt {
	if principal(s) != "" { // which is an error already
		return doubt{}
	}
	domain, namespace, account, whole := splitPrincipal(s)
	known := v.world.callers
	switch {
	case strings.Contains(s, "*"):
		if !known.known() || known.principals.has(s) {
			return doubt{}
		}
		return doubt{CodeNoCaller, fmt.Sprintf("%q fits no workload that is known; %s", s, known.principals.near(s))}
	case !whole:
		like := clusterLocal + "/ns/" + v.object.Namespace + "/sa/account"
		if mesh.IsLabel(s) {
			like = clusterLocal + "/ns/" + v.object.Namespace + "/sa/" + s
		}
		return doubt{CodePrincipal, fmt.Sprintf("%q is nobody's principal, so no caller fits it; want one such as %q", s, like)}
	case domain != clusterLocal:
		if d := v.domainFits(domain); d.code != "" {
			d.message = fmt.Sprintf("%q: %s, or %s, which stands for it", s, d.message, clusterLocal)
			return d
		}
	}
	return v.accountFits(namespace + "/" + account)
}

func (v *validator) domainFits(s string) doubt {
	if c := v.world.callers; c.known() && !c.domains.has(s) {
		return doubt{CodeTrustDomain, fmt.Sprintf("no caller is of trust domain %q; want %s", s, enumerate(slices.Sorted(maps.Keys(c.domains))))}
	}
	return doubt{}
}

func (v *validator) namespaceFits(s string) doubt {
	if c := v.world.callers; c.known() && !mesh.IsRoot(s) && !c.namespaces.has(s) {
		return doubt{CodeNoCaller, fmt.Sprintf("no workload in a namespace %q is known; %s", s, c.namespaces.near(s))}
	}
	return doubt{}
}

// accountFits looks at account, of the policy's namespace, and namespace/account. Those of
// the mesh's own parts, which are no workloads, are taken.
func (v *validator) accountFits(s string) doubt {
	if account(s) != "" {
		return doubt{}
	}
	namespace, name, whole := strings.Cut(s, "/")
	if !whole {
		namespace, name = v.object.Namespace, s
	}
	s = namespace + "/" + name
	if c := v.world.callers; c.known() && namespace != mesh.SystemNamespace && !c.accounts.has(s) {
		return doubt{CodeNoCaller, fmt.Sprintf("no workload of account %q of namespace %q is known; %s", name, namespace, c.accounts.near(s))}
	}
	return doubt{}
}
