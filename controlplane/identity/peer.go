package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	// dnsZone ends the DNS name that carries a workload's labels.
	dnsZone = "sightline"
	// noVersion stands for a workload without a version, as a label cannot be empty.
	noVersion = "none"
	// controlPlane is the account of the control plane in mesh.SystemNamespace.
	controlPlane = "controlplane"
)

// Workload is who a certificate is for.
type Workload struct {
	Service   string // a DNS label: "reviews"
	Version   string // a DNS label: "v1"; "" is none
	Namespace string // a DNS label; "" is mesh.DefaultNamespace
	Account   string // a DNS label; "" is the service's name
	Instance  string // a DNS label, unique in the mesh: "reviews-v1-1"
}

// Peer is who is at one end of a connection, as its certificate proves.
type Peer struct {
	Identity mesh.Identity
	Service  mesh.ServiceName
	Version  mesh.Version
	Instance mesh.InstanceID
}

// ID is the identity of an account: spiffe://<domain>/ns/<namespace>/sa/<account>.
func ID(trustDomain, namespace, account string) mesh.Identity {
	return mesh.AccountIdentity(trustDomain, namespace, account)
}

// ControlPlane is the identity of a trust domain's control plane.
func ControlPlane(trustDomain string) mesh.Identity {
	return ID(trustDomain, mesh.SystemNamespace, controlPlane)
}

// ControlPlaneWorkload is the workload of one instance of the control plane.
func ControlPlaneWorkload(instance string) Workload {
	return Workload{Service: controlPlane, Namespace: mesh.SystemNamespace, Account: controlPlane, Instance: instance}
}

// Normal fills in what w leaves to its defaults and checks that every part can
// stand in a certificate. The error names each part that cannot.
func (w Workload) Normal() (Workload, error) {
	if w.Namespace == "" {
		w.Namespace = mesh.DefaultNamespace
	}
	if w.Account == "" {
		w.Account = w.Service
	}
	var bad []error
	for _, part := range []struct{ name, value string }{
		{"service", w.Service},
		{"namespace", w.Namespace},
		{"account", w.Account},
		{"instance", w.Instance},
		{"version", w.versionLabel()},
	} {
		if !mesh.IsLabel(part.value) {
			bad = append(bad, fmt.Errorf("%s %q is not a DNS label (lower-case letters, digits and inner hyphens)", part.name, part.value))
		}
	}
	return w, errors.Join(bad...)
}

// DNSName is the name that carries w's labels in a certificate. w must be normal.
func (w Workload) DNSName() string {
	return strings.Join([]string{w.Instance, w.versionLabel(), w.Service, w.Namespace, dnsZone}, ".")
}

// Peer is w as others see it. w must be normal.
func (w Workload) Peer(trustDomain string) Peer {
	return Peer{
		Identity: ID(trustDomain, w.Namespace, w.Account),
		Service:  mesh.NewServiceName(w.Service, w.Namespace),
		Version:  mesh.Version(w.Version),
		Instance: mesh.InstanceID(w.Instance),
	}
}

func (w Workload) versionLabel() string {
	if w.Version == "" {
		return noVersion
	}
	return w.Version
}

// PeerOf tells who is at the other end of a connection made with one of a
// Source's configurations. It reads names and verifies nothing: the handshake did.
func PeerOf(cs tls.ConnectionState) (Peer, error) {
	if len(cs.PeerCertificates) == 0 {
		return Peer{}, errors.New("peer: no certificate")
	}
	return peerOfCertificate(cs.PeerCertificates[0])
}

// Namespace is the namespace of an identity, "" when it has none.
func Namespace(id mesh.Identity) string {
	parsed, err := spiffeid.FromString(string(id))
	if err != nil {
		return ""
	}
	namespace, _, ok := splitPath(parsed.Path())
	if !ok {
		return ""
	}
	return namespace
}

// WorkloadOf is the workload a certificate was issued to.
func WorkloadOf(c *x509.Certificate) (Workload, error) {
	if len(c.URIs) != 1 {
		return Workload{}, fmt.Errorf("certificate: %d URI names, want one", len(c.URIs))
	}
	id, err := spiffeid.FromURI(c.URIs[0])
	if err != nil {
		return Workload{}, fmt.Errorf("certificate: %w", err)
	}
	namespace, account, ok := splitPath(id.Path())
	if !ok {
		return Workload{}, fmt.Errorf("certificate: %s is not of the form /ns/<namespace>/sa/<account>", id)
	}
	name, err := workloadName(c)
	if err != nil {
		return Workload{}, fmt.Errorf("certificate of %s: %w", id, err)
	}
	labels := strings.Split(name, ".")
	if len(labels) != 5 || labels[1] == "" || labels[3] != namespace {
		return Workload{}, fmt.Errorf("certificate of %s: %q does not name a workload of it", id, name)
	}
	w := Workload{Instance: labels[0], Version: labels[1], Service: labels[2], Namespace: namespace, Account: account}
	if w.Version == noVersion {
		w.Version = ""
	}
	return w.Normal()
}

// workloadName is the one DNS name that carries a workload's labels. Authorities that are
// not the mesh's own may give names for other ends beside it.
func workloadName(c *x509.Certificate) (string, error) {
	found := ""
	for _, name := range c.DNSNames {
		if !strings.HasSuffix(name, "."+dnsZone) {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("%q and %q both name a workload, want one that does", found, name)
		}
		found = name
	}
	if found == "" {
		return "", fmt.Errorf("none of its %d DNS names is of the form <instance>.<version>.<service>.<namespace>.%s", len(c.DNSNames), dnsZone)
	}
	return found, nil
}

func peerOfCertificate(c *x509.Certificate) (Peer, error) {
	w, err := WorkloadOf(c)
	if err != nil {
		return Peer{}, err
	}
	return w.Peer(c.URIs[0].Host), nil
}

// splitPath takes /ns/<namespace>/sa/<account> apart.
func splitPath(path string) (namespace, account string, ok bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 5 || parts[1] != "ns" || parts[3] != "sa" {
		return "", "", false
	}
	return parts[2], parts[4], true
}
