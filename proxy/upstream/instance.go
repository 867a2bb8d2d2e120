package upstream

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/balance"
	"github.com/sightline-mesh/sightline/proxy/breaker"
	"github.com/sightline-mesh/sightline/proxy/outlier"
)

// Instance is one running copy of a service, at one of its ports, and what this sidecar
// knows of it. The same copy is the same *Instance for as long as it is pushed, whatever
// else changes. As in Envoy, each port has breakers, limits and connections of its own.
type Instance struct {
	// Info is the instance as it was first pushed. Its State and Labels may have
	// changed since; ID, Address, Version and Identity never do.
	Info mesh.Instance
	// Port is the one of its app that requests are for, which Info's AppPort then is too;
	// 0 is the app's first.
	Port uint16

	group   uint16 // of the port
	load    *balance.Load
	breaker *breaker.Breaker // has a say where there is no outlier detection
	service *service
	terms   atomic.Pointer[terms]
	health  atomic.Pointer[Health]
}

// terms is what the newest push says of an instance. It is swapped whole.
type terms struct {
	state    mesh.InstanceState
	verdicts []mesh.Verdict // that are about it and in force, but for their Until
	limits   mesh.Limits
	labels   map[string]string
	locality mesh.Locality
	scope    *scope
	member   *outlier.Member // of the scope's detector; nil without one
	errors   []int           // statuses that count as errors; none means every 5xx
	check    *mesh.HealthCheck
	plain    bool // connections to it have no mutual TLS
	tls      *mesh.ClientTLS
	protocol mesh.AppProtocol // what is spoken at this port
	checked  bool             // at this port
	ported   bool             // the service has several ports
}

// key says whether an instance of a push is one that is known.
type key struct {
	service  mesh.ServiceName
	id       mesh.InstanceID
	address  string
	version  mesh.Version
	identity mesh.Identity
	port     uint16 // of the app; 0 is its first
	name     string // of the port, as one of the app's may be two of the service's
}

func keyOf(i *mesh.Instance, port mesh.Port) key {
	if port.Number == 0 {
		port.Name = ""
	}
	return key{i.Service, i.ID, i.Address.String(), i.Version, i.Identity, port.Number, port.Name}
}

// At is where connections to it are made: to its sidecar, or to the port of the app where
// there is no sidecar that could be told which one is meant.
func (i *Instance) At() netip.AddrPort {
	if i.Port != 0 && i.Info.Bare() {
		return netip.AddrPortFrom(i.Info.Address.Addr(), i.Port)
	}
	return i.Info.Address
}

// InFlight is the number of requests the instance has of this sidecar.
func (i *Instance) InFlight() int { return i.load.InFlight() }

// Limits are those of the service's policy, for whoever makes the connections.
func (i *Instance) Limits() mesh.Limits { return i.terms.Load().limits }

// Plaintext reports whether connections to it are made without mutual TLS.
func (i *Instance) Plaintext() bool { return i.terms.Load().plain }

// TLS is what connections to it are made with in place of mutual TLS; nil is nothing. Such
// an instance is Plaintext, as nothing of the mesh's is proved.
func (i *Instance) TLS() *mesh.ClientTLS { return i.terms.Load().tls }

// Protocol is what its app is said to speak; empty is not known.
func (i *Instance) Protocol() mesh.AppProtocol { return i.terms.Load().protocol }

// Quota bounds the connections to this instance and to the others under its policy.
func (i *Instance) Quota() *Quota { return &i.terms.Load().scope.quota }

// verdict is the strictest verdict in force now, nil if there is none. One whose time
// is over no longer counts, so that a lost control plane cannot keep traffic away for ever.
func (t *terms) verdict(now time.Time) *mesh.Verdict {
	var strictest *mesh.Verdict
	for i := range t.verdicts {
		v := &t.verdicts[i]
		over := !v.Until.IsZero() && !now.Before(v.Until)
		if !over && (strictest == nil || admitted(v) < admitted(strictest)) {
			strictest = v
		}
	}
	return strictest
}

func admitted(v *mesh.Verdict) float64 {
	if v.Phase == mesh.Probing {
		return min(max(v.Admit, 0), 1)
	}
	return 0
}

// about reports whether a verdict is about an instance of the service.
func about(v *mesh.Verdict, i *mesh.Instance) bool {
	t := v.Target
	return v.Phase != mesh.Released &&
		(t.Service == "" || t.Service == i.Service) &&
		(t.Version == "" || t.Version == i.Version) &&
		(t.Instance == "" || t.Instance == i.ID)
}

func verdictsAbout(all []mesh.Verdict, i *mesh.Instance) []mesh.Verdict {
	var out []mesh.Verdict
	for n := range all {
		if about(&all[n], i) {
			out = append(out, all[n])
		}
	}
	return out
}

// carries reports whether an instance has all of a subset's labels.
func carries(i *mesh.Instance, labels map[string]string) bool {
	for k, want := range labels {
		got, ok := i.Labels[k]
		if !ok && k == "version" {
			got, ok = string(i.Version), true
		}
		if !ok || got != want {
			return false
		}
	}
	return true
}

func contains(all []*Instance, i *Instance) bool { return slices.Contains(all, i) }
