package config

import (
	"strings"
	"testing"

	security "istio.io/api/security/v1beta1"
)

// A policy that cannot be read lets nobody in whom it may have kept out.
func TestStandInsDoNotFailOpen(t *testing.T) {
	const head = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\n"
	const allow, deny = security.AuthorizationPolicy_ALLOW, security.AuthorizationPolicy_DENY
	for manifest, want := range map[string]struct {
		action security.AuthorizationPolicy_Action
		rules  int
		app    string // of the selector
		none   bool
	}{
		head + "spec: {selector: {matchLabels: {app: web}}, futureField: 1}":                          {action: allow, app: "web"},
		head + "spec: {action: ALLOW, selector: {matchLabels: {app: 7}}, futureField: 1}":             {action: allow},
		head + "spec: {selector: {matchLabels: {app: web}, matchExpressions: []}}":                    {action: allow},
		head + "spec: {selector: {matchLabels: {app: 'w*'}}}":                                         {action: allow},
		head + "spec: {action: DENY, selector: {matchLabels: {app: web}}, rules: [{futureField: 1}]}": {action: deny, rules: 1, app: "web"},
		head + "spec: {action: CUSTOM, provider: {name: x}}":                                          {action: deny, rules: 1},
		head + "spec: {action: [ALLOW]}":                                                              {action: deny, rules: 1},
		head + "spec: {":                                                                              {action: deny, rules: 1},
		strings.Replace(head, "kind: AuthorizationPolicy", "kind: Other", 1) + "spec: {}":             {action: deny, rules: 1},
		`{"manifest": 1}`: {action: deny, rules: 1},
		"\x00":            {action: deny, rules: 1},
		head + "spec: {action: AUDIT, futureField: 1}":                                                 {none: true},
		strings.Replace(head, "p,", "p, annotations: {istio.io/dry-run: 'true'},", 1) + "spec: {x: 1}": {none: true},
	} {
		o, stands := StandIn(Object{Kind: KindAuthorizationPolicy, Namespace: "shop", Name: "p"}, manifest)
		p := o.AuthorizationPolicy
		switch {
		case want.none:
			if stands {
				t.Errorf("%s: %v stands in for what lets nobody in by being away", manifest, p)
			}
		case !stands, p.GetAction() != want.action, len(p.GetRules()) != want.rules, p.GetSelector().GetMatchLabels()["app"] != want.app, o.DryRun():
			t.Errorf("%s: %v %v stands in, want %+v", manifest, stands, p, want)
		}
	}
	o, stands := StandIn(Object{Kind: KindPeerAuthentication, Namespace: "shop", Name: "p"}, "spec: {mtls: {mode: FUTURE}, selector: {matchLabels: {app: web}}}")
	if mode := o.PeerAuthentication.GetMtls().GetMode(); !stands || mode != security.PeerAuthentication_MutualTLS_STRICT || o.Selector()["app"] != "web" {
		t.Errorf("%v stands in for a PeerAuthentication, want STRICT for web", o.PeerAuthentication)
	}
	if _, stands := StandIn(Object{Kind: KindDestinationRule}, "spec: {}"); stands {
		t.Error("something stands in for a DestinationRule")
	}
}

func TestStoredIsOneResource(t *testing.T) {
	if o, err := Stored(tlsRule("reviews", "DISABLE")); err != nil || o.Name != "reviews" {
		t.Errorf("%+v, %v", o, err)
	}
	for _, manifest := range []string{"", tlsRule("a", "DISABLE") + tlsRule("b", "DISABLE"), "kind: FromTheFuture"} {
		if _, err := Stored(manifest); err == nil {
			t.Errorf("%q is taken for one resource", manifest)
		}
	}
}
