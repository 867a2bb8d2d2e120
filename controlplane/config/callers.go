package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// clusterLocal stands for the mesh's own trust domain in principals, whatever its name.
const clusterLocal = "cluster.local"

// set is a set of names.
type set map[string]bool

// callers are who can prove to be somebody: the workloads with a sidecar. Nothing is known
// of them while there is none.
type callers struct {
	domains    set
	namespaces set
	accounts   set // namespace/account
	principals set // of the trust domain, and of clusterLocal
}

func newCallers() callers { return callers{set{}, set{}, set{}, set{}} }

func (c *callers) known() bool { return len(c.domains) > 0 }

// add takes in an identity; one of no shape that the mesh gives out is left.
func (c *callers) add(i mesh.Identity) {
	principal := strings.TrimPrefix(string(i), "spiffe://")
	domain, namespace, account, ok := splitPrincipal(principal)
	if !ok {
		return
	}
	c.domains[domain] = true
	c.principals[principal] = true
	c.account(namespace, account)
}

// account takes in an account of the mesh's own trust domain.
func (c *callers) account(namespace, account string) {
	c.namespaces[namespace] = true
	c.accounts[namespace+"/"+account] = true
	for _, domain := range append(slices.Collect(maps.Keys(c.domains)), clusterLocal) {
		c.principals[domain+"/ns/"+namespace+"/sa/"+account] = true
	}
}

// with are these and the accounts of workloads that resources tell of. Where nobody is
// known, those are not all, and nobody stays known.
func (c *callers) with(all []Object) callers {
	if !c.known() {
		return *c
	}
	out := callers{c.domains, owned(c.namespaces), owned(c.accounts), owned(c.principals)}
	for _, o := range all {
		var told []*WorkloadEntry
		if o.WorkloadEntry != nil {
			told = append(told, o.WorkloadEntry)
		}
		if o.ServiceEntry != nil {
			told = append(told, o.ServiceEntry.Endpoints...)
		}
		for _, w := range told {
			if w.Account != "" {
				out.account(o.Namespace, w.Account)
			}
		}
	}
	return out
}

// splitPrincipal takes domain/ns/namespace/sa/account apart.
func splitPrincipal(s string) (domain, namespace, account string, ok bool) {
	part := strings.Split(s, "/")
	if len(part) != 5 || part[1] != "ns" || part[3] != "sa" || slices.Contains(part, "") {
		return "", "", "", false
	}
	return part[0], part[2], part[4], true
}

// has reports whether value, "prefix*", "*suffix" and "*" among them, fits one of the set.
func (s set) has(value string) bool {
	prefix, begins := strings.CutSuffix(value, "*")
	suffix, ends := strings.CutPrefix(value, "*")
	if !begins && !ends {
		return s[value]
	}
	for have := range s {
		if begins && strings.HasPrefix(have, prefix) || ends && strings.HasSuffix(have, suffix) {
			return true
		}
	}
	return false
}

// near is what of the set was likely meant, as a hint to add; else the first few of it.
func (s set) near(value string) string {
	all := slices.Sorted(maps.Keys(s))
	for _, have := range all {
		if distance(value, have) <= 2 {
			return "did you mean \"" + have + "\"?"
		}
	}
	return "known are " + enumerate(all)
}
