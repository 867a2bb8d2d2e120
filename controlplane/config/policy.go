package config

import (
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// DryRunAnnotation has, at "true", a policy decided and told, but not enforced.
const DryRunAnnotation = "istio.io/dry-run"

func authorizationPolicyKind() kind {
	return kind{
		shape:    func() shape { return messageShape((&security.AuthorizationPolicy{}).ProtoReflect().Descriptor()) },
		supports: authorizationPolicySupports,
		refuses:  authorizationPolicyRefuses.of,
		accepts:  authorizationPolicyAccepts,
		fill: func(o *Object, spec map[string]any) error {
			o.AuthorizationPolicy = &security.AuthorizationPolicy{}
			return unmarshal(spec, o.AuthorizationPolicy)
		},
	}
}

// authorizationPolicySupports lists the fields that the mesh acts on: all but the
// target references of waypoints and gateways, and external providers.
func authorizationPolicySupports(rule string) bool {
	switch rule {
	case "targetRef", "targetRefs", "provider":
		return false
	}
	return true
}

// authorizationPolicyAccepts says what is wrong with a value of a supported field.
func authorizationPolicyAccepts(rule string, value any) string {
	if complaint := selectorAccepts(rule, value); complaint != "" {
		return complaint
	}
	if rule == "action" && value == "CUSTOM" {
		return "\"CUSTOM\" is not supported: the mesh asks no external authorizer; want ALLOW, DENY or AUDIT"
	}
	if !strings.HasPrefix(rule, "rules.") {
		return ""
	}
	switch v := value.(type) {
	case []any: // Istio's types cannot tell an empty list from none, which means the opposite
		if len(v) == 0 {
			return "is empty; leave it out to match everything, or give a value"
		}
	case map[string]any:
		if len(v) == 0 {
			return "is empty; leave it out to match everything, or give a field"
		}
	}
	return ""
}

func selectorAccepts(rule string, value any) string {
	labels, ok := value.(map[string]any)
	if rule != "selector.matchLabels" || !ok {
		return ""
	}
	for k, v := range labels {
		if text, _ := v.(string); k == "" || strings.ContainsRune(k+text, '*') {
			return show(value) + ": a label needs a name, and no wildcards are supported in labels"
		}
	}
	return ""
}

// textsOf is a dictionary of texts as YAML has it.
func textsOf(v any) map[string]string {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}

// DryRun reports whether the policy is only to be told of.
func (o Object) DryRun() bool { return o.annotations[DryRunAnnotation] == "true" }

// ForWorkloads reports whether the resource is for workloads, those of its namespace or
// with some labels, and not for a service.
func (o Object) ForWorkloads() bool {
	return o.AuthorizationPolicy != nil || o.RequestAuthentication != nil || o.PeerAuthentication != nil ||
		o.Sidecar != nil || o.RateLimit != nil || o.Telemetry != nil || o.TraceSampling != nil
}

// Selector is the labels of the workloads a policy is for; none means all of its
// namespace.
func (o Object) Selector() map[string]string {
	switch {
	case o.RequestAuthentication != nil:
		return o.RequestAuthentication.GetSelector().GetMatchLabels()
	case o.PeerAuthentication != nil:
		return o.PeerAuthentication.GetSelector().GetMatchLabels()
	case o.Sidecar != nil:
		return o.Sidecar.GetWorkloadSelector().GetLabels()
	case o.RateLimit != nil:
		return o.RateLimit.Selector
	case o.Telemetry != nil:
		return o.Telemetry.GetSelector().GetMatchLabels()
	case o.TraceSampling != nil:
		return o.TraceSampling.Selector
	case o.Service != nil:
		return o.Service.Selector
	case o.ServiceEntry != nil:
		return o.ServiceEntry.Selector
	}
	return o.AuthorizationPolicy.GetSelector().GetMatchLabels()
}

// Concerns reports whether the resource may be about a service: it names its host, or is
// for workloads that some instance of the service may be.
func (o Object) Concerns(s mesh.ServiceName) bool {
	if slices.Contains(o.Hosts(), s) {
		return true
	}
	if !o.selects() || !mesh.IsRoot(o.Namespace) && o.Namespace != s.Namespace() {
		return false
	}
	app, one := o.Selector()["app"]
	return !one || app == s.Name()
}

// selects reports whether the kind is for workloads, all or some, of a namespace.
func (o Object) selects() bool {
	switch o.Kind {
	case KindAuthorizationPolicy, KindRequestAuthentication, KindPeerAuthentication,
		KindSidecar, KindRateLimit, KindTelemetry, KindTraceSampling:
		return true
	}
	return false
}
