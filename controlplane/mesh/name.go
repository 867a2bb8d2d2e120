package mesh

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// DefaultNamespace is the namespace of a service whose name says no other.
const DefaultNamespace = "default"

// SystemNamespace is the namespace of the mesh's own parts.
const SystemNamespace = "sightline"

// IsRoot reports whether what is written in a namespace holds for the whole mesh: in the
// mesh's own, and in Istio's, as manifests have it.
func IsRoot(namespace string) bool {
	return namespace == SystemNamespace || namespace == "istio-system"
}

// CollectorAccount is the account, in SystemNamespace, of the collector: sidecars
// hand their telemetry to nobody else.
const CollectorAccount = "collector"

const maxLabels = 32 // of a host outside; names of the mesh's own have six at the most

// ServiceName is what callers ask for. Services of the default namespace are
// written by name alone ("reviews"), others as "name.namespace"
// ("order-service.production"), so that one spelling names one service.
type ServiceName string

// InstanceID names one running copy of a service, unique in the mesh.
type InstanceID string

// Version is the value of an instance's "version" label: "v1".
type Version string

// Identity is what a certificate proves: "spiffe://mesh.local/ns/default/sa/reviews".
type Identity string

// AccountIdentity is that of a service account: spiffe://<domain>/ns/<namespace>/sa/<account>.
func AccountIdentity(trustDomain, namespace, account string) Identity {
	return Identity("spiffe://" + trustDomain + "/ns/" + namespace + "/sa/" + account)
}

// NewServiceName joins a name and a namespace in the canonical spelling. An empty
// namespace is the default one.
func NewServiceName(name, namespace string) ServiceName {
	if namespace == "" || namespace == DefaultNamespace {
		return ServiceName(name)
	}
	return ServiceName(name + "." + namespace)
}

// Outside reports whether it is a host outside the mesh, "api.example.com", which has no
// namespace: one of more labels than a name and a namespace.
func (s ServiceName) Outside() bool { return strings.Count(string(s), ".") > 1 }

// Name is the part before the namespace.
func (s ServiceName) Name() string {
	name, _, _ := strings.Cut(string(s), ".")
	return name
}

// Namespace is the service's namespace, the default one where the name says none.
func (s ServiceName) Namespace() string {
	if _, ns, ok := strings.Cut(string(s), "."); ok {
		return ns
	}
	return DefaultNamespace
}

// ResolveHost turns what a caller or a manifest wrote for a service into its name:
// "reviews", "reviews.shop", "reviews.shop.svc" and "reviews.shop.svc.cluster.local",
// each with an optional port. A bare name is looked for in the given namespace. Any other
// host is a name of its own, of whom only a ServiceEntry may have told; an address is none.
func ResolveHost(host, namespace string) (ServiceName, error) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	labels := strings.Split(strings.ToLower(strings.TrimSuffix(host, ".")), ".")
	for _, l := range labels {
		if !IsLabel(l) {
			return "", fmt.Errorf("host %q: %q is not a DNS label", host, l)
		}
	}
	switch {
	case len(labels) == 1:
		return NewServiceName(labels[0], namespace), nil
	case len(labels) == 2, len(labels) > 2 && labels[2] == "svc":
		return NewServiceName(labels[0], labels[1]), nil
	case labels[len(labels)-1][0] <= '9':
		return "", fmt.Errorf("host %q: want name, name.namespace, name.namespace.svc.cluster.local or a host outside such as api.example.com, and no address", host)
	case len(labels) > maxLabels:
		return "", fmt.Errorf("host %q: has more than %d labels", host, maxLabels)
	}
	return ServiceName(strings.Join(labels, ".")), nil
}

// PortOf is the port that a host names, 0 where that is none: what is no port is as good
// as none.
func PortOf(host string) uint16 {
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// IsLabel reports whether s is a lower-case DNS label (RFC 1123): letters, digits
// and inner hyphens, at most 63 bytes.
func IsLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
