package config

import (
	"cmp"
	"math"
	"slices"

	security "istio.io/api/security/v1beta1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// peerAuthenticationKind reads Istio's PeerAuthentication: what connections workloads
// take. Without one the mesh takes its own mutual TLS and nothing else, where Istio
// would take plaintext too.
func peerAuthenticationKind() kind {
	return kind{
		shape:    func() shape { return messageShape((&security.PeerAuthentication{}).ProtoReflect().Descriptor()) },
		supports: func(rule string) bool { return peerAuthenticationFields[rule] },
		accepts:  selectorAccepts,
		fill: func(o *Object, spec map[string]any) error {
			o.PeerAuthentication = &security.PeerAuthentication{}
			return unmarshal(spec, o.PeerAuthentication)
		},
	}
}

// peerAuthenticationFields are all but portLevelMtls.
var peerAuthenticationFields = fieldSet(map[string]string{
	"": "selector mtls", "selector": "matchLabels", "mtls": "mode",
})

// PeerModes are what the PeerAuthentications of a mesh say: the nearest first, and of
// two as near the one whose name comes first.
type PeerModes []peerMode

type peerMode struct {
	key       string
	namespace string // "" is every one
	labels    map[string]string
	mode      mesh.MTLSMode // "" leaves it to those above
	reach     int
}

// NewPeerModes finds them among all resources.
func NewPeerModes(all []Object) PeerModes {
	var out PeerModes
	for _, o := range all {
		if o.PeerAuthentication == nil || mesh.IsRoot(o.Namespace) && len(o.Selector()) > 0 {
			continue
		}
		m := peerMode{key: o.Key(), namespace: o.Namespace, labels: o.Selector(), reach: o.Reach()}
		if mesh.IsRoot(o.Namespace) {
			m.namespace = ""
		}
		if mode := o.PeerAuthentication.GetMtls().GetMode(); mode != security.PeerAuthentication_MutualTLS_UNSET {
			m.mode = mesh.MTLSMode(mode.String())
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b peerMode) int { return cmp.Or(cmp.Compare(b.reach, a.reach), cmp.Compare(a.key, b.key)) })
	return out
}

// For is what a workload takes, and the key of the resource that says so, which is ""
// when none does. Of each reach one resource counts.
func (m PeerModes) For(namespace string, labels map[string]string) (mesh.MTLSMode, string) {
	reach := math.MaxInt
	for i := range m {
		p := &m[i]
		if p.reach == reach || p.namespace != "" && p.namespace != namespace || !carries(labels, p.labels) {
			continue
		}
		if p.mode != "" {
			return p.mode, p.key
		}
		reach = p.reach
	}
	return mesh.Strict, ""
}

// Reach is how near a policy is to the workloads it is for: 2 for those with some
// labels, 1 for a namespace, 0 for the mesh.
func (o Object) Reach() int {
	switch {
	case len(o.Selector()) > 0:
		return 2
	case !mesh.IsRoot(o.Namespace):
		return 1
	}
	return 0
}

// Selects reports whether a policy is for a workload.
func (o Object) Selects(namespace string, labels map[string]string) bool {
	return (mesh.IsRoot(o.Namespace) || o.Namespace == namespace) && carries(labels, o.Selector())
}
