package controlplane

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/registry/dns"
	"github.com/sightline-mesh/sightline/controlplane/remedy"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// Config is what a person sets. DefaultConfig documents the defaults.
type Config struct {
	// Dir keeps everything: etcd's files and the token of the mesh's own parts.
	Dir string
	// Listen is the address for sidecars and for the mesh's own parts.
	Listen string
	// TrustDomain is the mesh's name in every identity. It cannot be changed later.
	TrustDomain string
	// CertificateTTL is how long a certificate is good for; it is renewed at half of
	// that.
	CertificateTTL time.Duration
	// Drain is how long streams of callers go on whose root was retired: who has a newer
	// certificate comes again with it meanwhile.
	Drain time.Duration
	// InstanceTTL is how long an instance stays registered whose sidecar is gone
	// without a goodbye.
	InstanceTTL time.Duration
	// Quiet and MostQuiet bound how long changes are gathered before they are pushed
	// when many come together: until nothing changed for Quiet, or for MostQuiet at the
	// most. The first change after a calm is pushed at once.
	Quiet     time.Duration
	MostQuiet time.Duration
	// Remedy says how far the mesh goes by itself when something fails.
	Remedy remedy.Config
	// PathNormalization is how much all sidecars do to the paths of requests that were
	// not told otherwise themselves. It is kept; empty leaves it as it was, BASE at first.
	PathNormalization mesh.PathNormalization
	// CA are the files of an authority to issue certificates with, at the first start; its
	// zero value is one of the mesh's own. Another one later waits for a rotation.
	CA ca.Files
	// CAPassphrase seals the CA's private keys in the state. Empty has KeyFile in Dir do it.
	CAPassphrase string
	// EtcdEndpoints are those of an etcd cluster to use instead of an embedded one, and
	// EtcdAccess how it is reached.
	EtcdEndpoints []string
	EtcdAccess    store.Access
	// EtcdMember makes the embedded etcd one of several, each in a control plane.
	EtcdMember store.Member
	// Name tells this control plane from others on the same store; a DNS label. Empty is the
	// member's name, or one that is made up.
	Name string
	// RegistryFile is a file with instances that have no sidecar to register them; empty is
	// none. Of several control planes the one that leads reads its own, so all are to be
	// given the same.
	RegistryFile string
	// NameServers, address:port, are asked for the names that resources tell of, the
	// control plane that leads asking; empty are those of the system.
	NameServers []string
	// Advertise is the host:port at which the others reach this one; empty is Listen, with
	// this machine's first address where that names none.
	Advertise string
}

// DefaultConfig keeps its state in dir.
func DefaultConfig(dir string) Config {
	return Config{
		Dir:            dir,
		Listen:         ":15012",
		TrustDomain:    "mesh.local",
		CertificateTTL: 24 * time.Hour,
		Drain:          30 * time.Second,
		InstanceTTL:    15 * time.Second,
		Quiet:          100 * time.Millisecond,
		MostQuiet:      time.Second,
		Remedy:         remedy.Default(),
	}
}

// Validate names every fault at once.
func (c Config) Validate() error {
	var bad []error
	if c.Dir == "" {
		bad = append(bad, errors.New("dir: must be given"))
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad = append(bad, fmt.Errorf("listen: %w", err))
	}
	if _, err := spiffeid.TrustDomainFromString(c.TrustDomain); err != nil {
		bad = append(bad, fmt.Errorf("trust domain: %q: %w", c.TrustDomain, err))
	}
	for _, d := range []struct {
		name       string
		value, min time.Duration
	}{
		{"certificate ttl", c.CertificateTTL, time.Second},
		{"drain", c.Drain, 0},
		{"instance ttl", c.InstanceTTL, 2 * time.Second}, // a lease is whole seconds, and kept each third
		{"quiet", c.Quiet, time.Millisecond},
		{"most quiet", c.MostQuiet, c.Quiet},
	} {
		if d.value < d.min {
			bad = append(bad, fmt.Errorf("%s: %s is shorter than %s", d.name, d.value, d.min))
		}
	}
	if err := dns.CheckServers(c.NameServers); err != nil {
		bad = append(bad, fmt.Errorf("name servers: %w", err))
	}
	if _, err := mesh.ParsePathNormalization(string(c.PathNormalization)); err != nil {
		bad = append(bad, fmt.Errorf("path normalization: %w", err))
	}
	bad = append(bad, c.badReplica()...)
	if err := c.Remedy.Validate(); err != nil {
		bad = append(bad, fmt.Errorf("remedy: %w", err))
	}
	return errors.Join(bad...)
}

func (c Config) badReplica() (bad []error) {
	if c.EtcdMember.Name != "" && len(c.EtcdEndpoints) > 0 {
		bad = append(bad, errors.New("etcd, etcd-name: an etcd cluster or a member of one, not both"))
	}
	if id := replicaID(c); !mesh.IsLabel(id) {
		bad = append(bad, fmt.Errorf("name: %q is not a DNS label (lower-case letters, digits, hyphens)", id))
	}
	if _, _, err := net.SplitHostPort(c.Advertise); c.Advertise != "" && err != nil {
		bad = append(bad, fmt.Errorf("advertise: %q: want host:port", c.Advertise))
	}
	return append(bad, c.EtcdMember.Validate(), c.EtcdAccess.Validate(c.EtcdEndpoints))
}
