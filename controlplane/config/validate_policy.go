package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	security "istio.io/api/security/v1beta1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (v *validator) authorizationPolicy(p *security.AuthorizationPolicy) {
	action := p.GetAction()
	v.dryRun(action)
	v.selects()
	if len(p.GetRules()) == 0 && action != security.AuthorizationPolicy_ALLOW {
		v.find(CodeIdlePolicy, "spec.rules", "%s without rules fits no request, so it does nothing", action)
	}
	for i, r := range p.GetRules() {
		v.rule(r, fmt.Sprintf("spec.rules[%d]", i))
	}
}

func (v *validator) rule(r *security.Rule, at string) {
	for j, f := range r.GetFrom() {
		v.given(f.GetSource() != nil, fmt.Sprintf("%s.from[%d].source", at, j))
		v.fromSource(f.GetSource(), fmt.Sprintf("%s.from[%d].source", at, j))
		v.sourceFits(f.GetSource(), fmt.Sprintf("%s.from[%d].source", at, j))
	}
	for j, t := range r.GetTo() {
		v.given(t.GetOperation() != nil, fmt.Sprintf("%s.to[%d].operation", at, j))
		v.operation(t.GetOperation(), fmt.Sprintf("%s.to[%d].operation", at, j))
	}
	for j, c := range r.GetWhen() {
		v.condition(c, fmt.Sprintf("%s.when[%d]", at, j))
		v.conditionFits(c, fmt.Sprintf("%s.when[%d]", at, j))
	}
}

func (v *validator) given(is bool, path string) { //nolint:revive // what was found, not what to do
	if !is {
		v.fault(path, "is missing; leave the whole entry out to match everything")
	}
}

func (v *validator) dryRun(action security.AuthorizationPolicy_Action) {
	path := fmt.Sprintf("metadata.annotations[%q]", DryRunAnnotation)
	switch value, there := v.object.annotations[DryRunAnnotation]; {
	case !there || value == "false":
	case value != "true":
		v.fault(path, "%q is not right; want \"true\" or \"false\"", value)
	case action == security.AuthorizationPolicy_AUDIT:
		v.fault(path, "an AUDIT policy enforces nothing anyway; remove the annotation")
	}
}

// selects warns of a policy that is for nobody who runs.
func (v *validator) selects() {
	labels, namespace := v.object.Selector(), v.object.Namespace
	if v.world.Unknown {
		return
	}
	for s, instances := range v.world.Services {
		if !mesh.IsRoot(namespace) && s.Namespace() != namespace {
			continue
		}
		if slices.ContainsFunc(instances, func(have map[string]string) bool { return carries(have, labels) }) {
			return
		}
	}
	if len(labels) > 0 {
		path := "spec.selector.matchLabels"
		if v.object.Sidecar != nil {
			path = "spec.workloadSelector.labels"
		}
		v.find(CodeSelector, path, "%s fits no running instance in namespace %s", show(labels), namespace)
	}
}

// values are the lists of one object by the names of their fields.
type values map[string][]string

func (v *validator) fromSource(s *security.Source, at string) {
	v.each(at, values{"principals": s.GetPrincipals(), "notPrincipals": s.GetNotPrincipals()}, principal)
	v.each(at, values{
		"requestPrincipals": s.GetRequestPrincipals(), "notRequestPrincipals": s.GetNotRequestPrincipals(),
		"namespaces": s.GetNamespaces(), "notNamespaces": s.GetNotNamespaces(),
		"trustDomains": s.GetTrustDomains(), "notTrustDomains": s.GetNotTrustDomains(),
	}, affixed)
	v.each(at, values{"serviceAccounts": s.GetServiceAccounts(), "notServiceAccounts": s.GetNotServiceAccounts()}, account)
	v.each(at, values{
		"ipBlocks": s.GetIpBlocks(), "notIpBlocks": s.GetNotIpBlocks(),
		"remoteIpBlocks": s.GetRemoteIpBlocks(), "notRemoteIpBlocks": s.GetNotRemoteIpBlocks(),
	}, block)
	if len(s.GetServiceAccounts()) > 0 && len(s.GetPrincipals())+len(s.GetNamespaces()) > 0 {
		v.fault(at+".serviceAccounts", "cannot stand beside principals or namespaces; keep one")
	}
}

func (v *validator) operation(o *security.Operation, at string) {
	v.each(at, values{
		"hosts": o.GetHosts(), "notHosts": o.GetNotHosts(), "methods": o.GetMethods(), "notMethods": o.GetNotMethods(),
	}, affixed)
	v.each(at, values{"paths": o.GetPaths(), "notPaths": o.GetNotPaths()}, path)
	v.each(at, values{"ports": o.GetPorts(), "notPorts": o.GetNotPorts()}, port)
	v.workloadPorts(o, at)
}

func (v *validator) condition(c *security.Condition, at string) {
	check := affixed
	switch key := c.GetKey(); {
	case key == "":
		v.fault(at+".key", "is missing; want an attribute such as request.headers[x-user]")
		return
	case !knownKey(key):
		v.fault(at+".key", "%q is not supported; want %s", key, enumerate(slices.Concat(keys, bracketKeys)))
		return
	case key == "source.ip", key == "remote.ip", key == "destination.ip":
		check = block
	case key == "destination.port":
		check = port
	case key == "source.principal":
		check = principal
	case key == "source.serviceAccount":
		check = account
	}
	if len(c.GetValues())+len(c.GetNotValues()) == 0 {
		v.fault(at, "has neither values nor notValues; want one of them")
	}
	v.each(at, values{"values": c.GetValues(), "notValues": c.GetNotValues()}, check)
}

// each faults the values that check has a complaint about.
func (v *validator) each(at string, lists values, check func(string) string) {
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		for i, value := range lists[name] {
			complaint := ""
			if value == "" {
				complaint = `"" fits nothing; want a value, or "*" for any`
			} else {
				complaint = check(value)
			}
			if complaint != "" {
				v.fault(fmt.Sprintf("%s.%s[%d]", at, name, i), "%s", complaint)
			}
		}
	}
}

// affixed takes "value", "prefix*", "*suffix" and "*".
func affixed(s string) string {
	if s != "*" && strings.Contains(strings.TrimSuffix(strings.TrimPrefix(s, "*"), "*"), "*") || len(s) > 1 && s[0] == '*' && s[len(s)-1] == '*' {
		return fmt.Sprintf("%q: one * is supported, at the beginning or the end", s)
	}
	return ""
}

func principal(s string) string {
	if rest, whole := strings.CutPrefix(s, "spiffe://"); whole {
		return fmt.Sprintf("%q: want it without spiffe://, such as %q", s, rest)
	}
	return affixed(s)
}

func account(s string) string {
	for part := range strings.SplitSeq(s, "/") {
		if !mesh.IsLabel(part) || strings.Count(s, "/") > 1 {
			return fmt.Sprintf("%q is not a service account; want account or namespace/account, without wildcards", s)
		}
	}
	return ""
}

func block(s string) string {
	if p, err := netip.ParsePrefix(s); err == nil && !p.Addr().Is4In6() {
		return ""
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return ""
	}
	return fmt.Sprintf("%q is not an address; want one such as 10.1.2.3, or a CIDR prefix such as 10.0.0.0/8", s)
}

func port(s string) string {
	if n, err := strconv.ParseUint(s, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != s {
		return fmt.Sprintf("%q is not a port; want a number from 1 to 65535", s)
	}
	return ""
}

// path takes what affixed does, and templates.
func path(s string) string {
	if !strings.ContainsAny(s, "{}") {
		if s[0] != '/' && s[0] != '*' {
			return fmt.Sprintf("%q fits no path; want it to begin with / or *", s)
		}
		return affixed(s)
	}
	if s[0] != '/' {
		return fmt.Sprintf("%q is not a path template; want it to begin with /", s)
	}
	rest := false
	for segment := range strings.SplitSeq(s, "/") {
		operator := segment == "{*}" || segment == "{**}"
		if !operator && strings.ContainsAny(segment, "{}*") || operator && rest {
			return fmt.Sprintf("%q is not a path template; want {*} and {**} as whole segments, {**} as the last of them, and no other *", s)
		}
		rest = rest || segment == "{**}"
	}
	return ""
}

var (
	keys = []string{
		"source.ip", "remote.ip", "source.namespace", "source.principal", "source.serviceAccount", "source.trustDomain",
		"request.auth.principal", "request.auth.audiences", "request.auth.presenter",
		"destination.ip", "destination.port", "connection.sni",
	}
	bracketKeys = []string{"request.headers[name]", "request.auth.claims[name]"}
)

// knownKey reports whether a condition can ask for the attribute.
func knownKey(key string) bool {
	if slices.Contains(keys, key) {
		return true
	}
	if inner, ok := strings.CutPrefix(key, "request.headers["); ok {
		name, closed := strings.CutSuffix(inner, "]")
		return closed && (token(name) || name == ":authority" || name == ":method")
	}
	inner, ok := strings.CutPrefix(key, "request.auth.claims[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !ok || !closed {
		return false
	}
	for part := range strings.SplitSeq(inner, "][") {
		if part == "" || strings.ContainsAny(part, "[]") {
			return false
		}
	}
	return true
}
