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

var peerAuthenticationFields = fieldSet(map[string]string{
	"": "selector mtls portLevelMtls", "selector": "matchLabels", "mtls": "mode", "portLevelMtls": "mode",
})

// PeerModes are what the PeerAuthentications of a mesh say: the nearest first, and of
// two as near the one whose name comes first.
type PeerModes []peerMode

type peerMode struct {
	key       string
	namespace string // "" is every one
	labels    map[string]string
	mode      mesh.MTLSMode // "" leaves it to those above
	ports     map[uint16]mesh.MTLSMode
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
		m.mode = modeOf(o.PeerAuthentication.GetMtls())
		for port, p := range o.PeerAuthentication.GetPortLevelMtls() {
			if mode := modeOf(p); mode != "" && m.reach == 2 { // Validate has refused it of any other
				if m.ports == nil {
					m.ports = map[uint16]mesh.MTLSMode{}
				}
				m.ports[uint16(port)] = mode //nolint:gosec // checked when it was read
			}
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b peerMode) int { return cmp.Or(cmp.Compare(b.reach, a.reach), cmp.Compare(a.key, b.key)) })
	return out
}

// modeOf is empty for what leaves it to others.
func modeOf(m *security.PeerAuthentication_MutualTLS) mesh.MTLSMode {
	if m.GetMode() == security.PeerAuthentication_MutualTLS_UNSET {
		return ""
	}
	return mesh.MTLSMode(m.GetMode().String())
}

// For is what a workload takes at a port of its app, 0 being any that nothing is said of,
// and the key of the resource that says so, which is "" when none does. Of each reach one
// resource counts.
func (m PeerModes) For(namespace string, labels map[string]string, port uint16) (mesh.MTLSMode, string) {
	reach := math.MaxInt
	for i := range m {
		p := &m[i]
		if p.reach == reach || p.namespace != "" && p.namespace != namespace || !carries(labels, p.labels) {
			continue
		}
		if mode := cmp.Or(p.ports[port], p.mode); mode != "" {
			return mode, p.key
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
