package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"
	security "istio.io/api/security/v1beta1"
	istio "istio.io/api/type/v1beta1"
)

// Stored reads the one resource of a stored manifest. The error, an *Error where the
// manifest is refused, is of what another version of the program has stored, or a hand.
func Stored(manifest string) (Object, error) {
	objects, err := Parse([]byte(manifest))
	if err != nil {
		return Object{}, err
	}
	if len(objects) != 1 {
		return Object{}, fmt.Errorf("the manifest holds %d resources, want one", len(objects))
	}
	return objects[0], nil
}

// StandIn is what holds in place of a stored policy that cannot be read, while it is not
// known what it said: the policy that lets in the least of all that it may have been, for
// the workloads it selects, or all of its namespace where even that cannot be read. Of an
// AuthorizationPolicy that allows, it allows nothing; of one that denies, it denies
// everything; of a PeerAuthentication it is STRICT. It is false for what lets nobody in by
// not being there: everything else, an AUDIT and a dry run. o says which resource it is.
func StandIn(o Object, manifest string) (Object, bool) {
	var said struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Annotations map[string]any }
		Spec       struct {
			Action   any
			Selector any
		}
	}
	whole := yaml.Unmarshal([]byte(manifest), &said) == nil && said.APIVersion != "" && said.Kind == o.Kind
	o.annotations = map[string]string{}
	o.Source = []byte(manifest)
	selector := selectorOf(said.Spec.Selector)
	switch o.Kind {
	case KindPeerAuthentication:
		o.PeerAuthentication = &security.PeerAuthentication{
			Selector: selector,
			Mtls:     &security.PeerAuthentication_MutualTLS{Mode: security.PeerAuthentication_MutualTLS_STRICT},
		}
		return o, true
	case KindAuthorizationPolicy:
		if said.Spec.Action == "AUDIT" || said.Metadata.Annotations[DryRunAnnotation] == "true" {
			return o, false
		}
		o.AuthorizationPolicy = &security.AuthorizationPolicy{Selector: selector}
		if !whole || said.Spec.Action != nil && said.Spec.Action != "ALLOW" {
			o.AuthorizationPolicy.Action = security.AuthorizationPolicy_DENY
			o.AuthorizationPolicy.Rules = []*security.Rule{{}}
		}
		return o, true
	}
	return o, false
}

// selectorOf is a selector as YAML has it, nil where it cannot be read.
func selectorOf(v any) *istio.WorkloadSelector {
	m, _ := v.(map[string]any)
	labels, ok := m["matchLabels"].(map[string]any)
	texts := textsOf(labels)
	if !ok || len(m) > 1 || len(texts) != len(labels) || selectorAccepts("selector.matchLabels", labels) != "" {
		return nil
	}
	return &istio.WorkloadSelector{MatchLabels: texts}
}
