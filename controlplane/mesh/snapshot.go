package mesh

import (
	"net/netip"
	"time"
)

// Snapshot is everything a sidecar needs to call one service, whole: a newer one
// replaces it. A pushed set of snapshots is consistent: every service that a route
// names is in it.
type Snapshot struct {
	Service ServiceName `json:"service"`
	// Version grows with every change to this service. It is not dense.
	Version uint64 `json:"version"`
	// Known is false when the control plane has never heard of the service; the
	// rest is then empty. It may become known later.
	Known  bool    `json:"known"`
	Routes []Route `json:"routes,omitempty"` // tried in order; none means: to every instance
	// Streams are the routes of connections that carry no HTTP, tried in order; none
	// means: to every instance.
	Streams []StreamRoute `json:"streams,omitempty"`
	Subsets []Subset      `json:"subsets,omitempty"`
	Policy  Policy        `json:"policy"`
	// PortPolicies hold in the place of Policy for requests to a port.
	PortPolicies []PortPolicy `json:"portPolicies,omitempty"`
	Hedge        *Hedge       `json:"hedge,omitempty"`
	// Ports are those of all instances, whatever their state, where the service has more
	// than one; with none, requests to any port go to the one there is.
	Ports     []ServicePort `json:"ports,omitempty"`
	Instances []Instance    `json:"instances,omitempty"`
	Verdicts  []Verdict     `json:"verdicts,omitempty"`
}

// Subset names the instances of a service that carry all of its labels.
type Subset struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
	Policy *Policy           `json:"policy,omitempty"` // replaces the service's, field by field where set
	// PortPolicies hold in the place of all that for requests to a port.
	PortPolicies []PortPolicy `json:"portPolicies,omitempty"`
}

// Instance is one running copy of a service that can receive traffic.
type Instance struct {
	ID       InstanceID        `json:"id"`
	Service  ServiceName       `json:"service"`
	Version  Version           `json:"version"`
	Address  netip.AddrPort    `json:"address"` // of its sidecar's inbound listener
	Identity Identity          `json:"identity"`
	Labels   map[string]string `json:"labels,omitempty"` // always holds "version" when Version is set
	State    InstanceState     `json:"state"`
	// AppProtocol is what its app speaks, AppPort the port it does so on; zero is not said.
	AppProtocol AppProtocol `json:"appProtocol,omitempty"`
	AppPort     uint16      `json:"appPort,omitempty"`
	// Ports are all that its app listens on, the first one being AppPort; none where its
	// sidecar knows of one at the most.
	Ports    []Port   `json:"ports,omitempty"`
	Locality Locality `json:"locality,omitempty"`
	// Plaintext says that it takes no mutual TLS. A sidecar that does not know it calls with
	// mutual TLS and fails: nothing goes out in the clear.
	Plaintext bool `json:"plaintext,omitempty"`
	// Origin is who tells of it: "file", "ServiceEntry shop/ledger"; empty is its own
	// sidecar. Since is when it was told of first, zero where that is not known. Sidecars
	// are told neither.
	Origin string    `json:"origin,omitempty"`
	Since  time.Time `json:"since,omitzero"`
}

// Bare reports whether there is no sidecar at the instance: it has nothing to prove itself
// with, and is called at its app's own ports.
func (i *Instance) Bare() bool { return i.Identity == "" }

// InstanceState says whether new requests may go to an instance.
type InstanceState string

// The states of an instance.
const (
	Starting InstanceState = "starting" // enrolled, its app does not answer yet
	Ready    InstanceState = "ready"
	Draining InstanceState = "draining" // finishes what it has, takes no more
	Caller   InstanceState = "caller"   // its app has no port: it calls others and is never ready
)
