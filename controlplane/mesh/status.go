package mesh

import (
	"cmp"
	"slices"
	"time"
)

// ProxyStatus is what the control plane knows of one sidecar.
type ProxyStatus struct {
	Instance   Instance  `json:"instance"`
	Connected  bool      `json:"connected"`
	Since      time.Time `json:"since"` // of the present stream
	Build      string    `json:"build"` // the sidecar's version
	Subscribed []string  `json:"subscribed"`
	Pushed     uint64    `json:"pushed"` // newest version sent
	Accepted   uint64    `json:"accepted"`
	InSync     bool      `json:"inSync"`
	Refusal    string    `json:"refusal,omitempty"` // why the newest push was refused
	// CertExpires is zero of one that is not connected.
	CertExpires time.Time `json:"certExpires,omitzero"`

	// PropagationMs is how long the newest change took from its commit until the sidecar
	// had it in force; 0 before any.
	PropagationMs float64 `json:"propagationMs,omitempty"`
	// Behind is since when something is committed that the sidecar has not confirmed.
	Behind time.Time `json:"behind,omitzero"`

	// ClockAheadMs is how far its machine's clock is ahead of a control plane's, as far as
	// that is known; below 0, behind. Certificates bear five minutes.
	ClockAheadMs float64 `json:"clockAheadMs,omitempty"`

	TurnedAway TurnedAway `json:"turnedAway,omitzero"`

	ControlPlane string `json:"controlPlane,omitempty"` // that has its stream
	Unknown      string `json:"unknown,omitempty"`      // why nothing more is known of it
}

// TurnedAway counts the connections that a sidecar did not take, since it started.
type TurnedAway struct {
	Plaintext uint64    `json:"plaintext"` // where only mutual TLS is taken
	From      string    `json:"from"`      // the address that the last of those came from
	Last      time.Time `json:"last"`      // when it did
}

// ClockAhead is how far the sidecar's clock is ahead of a control plane's.
func (p *ProxyStatus) ClockAhead() time.Duration { return fromMilliseconds(p.ClockAheadMs) }

// ConfigChange is one change of what sidecars are told, on its way to them. Sidecars
// that were not sent any of its services, and whom none of its policies selects, are not
// counted.
type ConfigChange struct {
	Version   uint64        `json:"version"`
	Committed time.Time     `json:"committed"` // of the first of what was gathered in it
	Services  []ServiceName `json:"services"`  // some of them
	Changed   int           `json:"changed"`   // how many services
	// Policies are some of those that sidecars have to heed: "AuthorizationPolicy shop/p".
	Policies        []string `json:"policies,omitempty"`
	PoliciesChanged int      `json:"policiesChanged,omitempty"` // how many
	Sidecars        int      `json:"sidecars"`                  // that have to have it
	Applied         int      `json:"applied"`                   // of them have it in force
	Refused         int      `json:"refused"`                   // of them would not have it
	Left            int      `json:"left"`                      // of them hung up first
	P50             float64  `json:"p50Ms"`                     // from the commit until it was in force, of those that have it
	Last            float64  `json:"lastMs"`                    // the slowest of them

	ControlPlane string `json:"controlPlane,omitempty"` // whose sidecars these are
}

// Propagation is how long changes took from their commit until sidecars had them in
// force: once for each change and each sidecar that it concerned.
type Propagation struct {
	Count   uint64         `json:"count"`
	Sum     float64        `json:"sumSeconds"`
	Buckets []Bucket       `json:"buckets"`
	Changes []ConfigChange `json:"changes"`          // newest first, some of them
	Silent  []string       `json:"silent,omitempty"` // control planes that did not answer, and are not in it
}

// Bucket counts what took so many seconds or less.
type Bucket struct {
	Le    float64 `json:"le"`
	Count uint64  `json:"count"`
}

// Add takes in what another control plane counted, which has the same buckets unless it
// is of another version: then only the buckets that both have stay.
func (p *Propagation) Add(other Propagation) {
	p.Count += other.Count
	p.Sum += other.Sum
	p.Changes = append(p.Changes, other.Changes...)
	theirs := map[float64]uint64{}
	for _, b := range other.Buckets {
		theirs[b.Le] = b.Count
	}
	var both []Bucket
	for _, b := range p.Buckets {
		if n, ok := theirs[b.Le]; ok {
			both = append(both, Bucket{b.Le, b.Count + n})
		}
	}
	p.Buckets = both
}

// Open reports whether sidecars that are there have not said yet what they make of it.
func (c ConfigChange) Open() bool { return c.Applied+c.Refused+c.Left < c.Sidecars }

// Milliseconds is d for people and for JSON.
func Milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

func fromMilliseconds(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond))
}

// Traffic is how requests to a service are split over its versions.
type Traffic struct {
	Service  ServiceName        `json:"service"`
	Weights  map[Version]uint32 `json:"weights"`          // as asked for; empty where nothing was
	Versions []Version          `json:"versions"`         // that have instances, sorted
	Source   string             `json:"source"`           // "VirtualService default/reviews" or "" for the default
	Undo     map[Version]uint32 `json:"undo,omitempty"`   // what an undo would bring back
	CanUndo  bool               `json:"canUndo"`          // an undo is there, even if to no weights at all
	Manifest string             `json:"manifest"`         // the VirtualService in force, as YAML
	Matches  bool               `json:"matches"`          // routes with conditions stand before the split
	Changed  time.Time          `json:"changed,omitzero"` // when the weights last changed
}

// Resource is one stored piece of configuration.
type Resource struct {
	Kind      string    `json:"kind"` // "VirtualService", "DestinationRule", "SLO"
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Version   uint64    `json:"version"`
	Changed   time.Time `json:"changed"`
	By        string    `json:"by"`
	Manifest  string    `json:"manifest"`           // YAML as it was applied
	Findings  []Finding `json:"findings,omitempty"` // remarks on it when it was applied; lines are those of Manifest

	Unreadable string `json:"unreadable,omitempty"` // why the control plane cannot read the manifest

	Status *RouteStatus `json:"status,omitempty"` // of a route of Gateway API
}

// Unreadable is a stored value that a control plane cannot read: a program of another
// version stored it, or a hand. The rest of what is stored is in force.
type Unreadable struct {
	Table    string `json:"table"`              // "resources", "instances", "tokens"…
	Key      string `json:"key"`                // in the table
	Resource string `json:"resource,omitempty"` // "DestinationRule default/reviews", of a resource
	Reason   string `json:"reason"`
	Instead  string `json:"instead"`  // what holds in its place, in words
	Revision int64  `json:"revision"` // of the store, that has it
}

// What holds in place of what cannot be read.
const (
	InsteadLastGood = "what it said before holds"
	InsteadLeast    = "a policy that lets in the least it may have said holds"
	InsteadNothing  = "nothing of it holds"
	InsteadNobody   = "it lets nobody in"
	InsteadWait     = "a rotation of the CA waits for it"
	InsteadNoUndo   = "the service's weights cannot be taken back"
)

// Compare puts them in the order of their tables and keys.
func (u Unreadable) Compare(other Unreadable) int {
	return cmp.Or(cmp.Compare(u.Table, other.Table), cmp.Compare(u.Key, other.Key))
}

// What is the value in words: "DestinationRule default/reviews", else by its table.
func (u Unreadable) What() string {
	if u.Resource != "" {
		return u.Resource
	}
	return u.Table + " " + u.Key
}

// String says what cannot be read, why, and what holds instead.
func (u Unreadable) String() string {
	return "stored " + u.What() + " cannot be read: " + u.Reason + "; " + u.Instead
}

// Finding is one remark on a piece of configuration.
type Finding struct {
	Code     string `json:"code"`     // "SL0101": the sort of remark; it stays the same for ever
	Severity string `json:"severity"` // "error" refuses the change, "warning" and "info" do not
	Resource string `json:"resource"` // "VirtualService default/reviews"
	Path     string `json:"path"`     // "spec.http[0].route[1].weight"
	Message  string `json:"message"`  // what is wrong and what would be right
	// File and Line say where the field is written: the line in the manifest that was
	// handed in, from 1. They are empty for a resource that was there before.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Replica is one of the control planes of a mesh.
type Replica struct {
	ID      string    `json:"id"`
	Address string    `json:"address"`
	Since   time.Time `json:"since"`
	Leads   bool      `json:"leads"` // decides on what no person decides on
	// ClockAheadMs is how far its clock is ahead of that of the control plane which says so,
	// as it was within a minute; below 0, behind.
	ClockAheadMs float64 `json:"clockAheadMs,omitempty"`
}

// ClockAhead is how far its clock is ahead.
func (r Replica) ClockAhead() time.Duration { return fromMilliseconds(r.ClockAheadMs) }

// SortReplicas puts them in the order of their ids.
func SortReplicas(all []Replica) {
	slices.SortFunc(all, func(a, b Replica) int { return cmp.Compare(a.ID, b.ID) })
}

// RouteStatus is how a route of Gateway API stands with each of its parents, in that
// API's own words.
type RouteStatus struct {
	Parents []RouteParentStatus `json:"parents"`
}

// RouteParentStatus is how a route stands with one parent.
type RouteParentStatus struct {
	ParentRef      RouteParent      `json:"parentRef"`
	ControllerName string           `json:"controllerName"`
	Conditions     []RouteCondition `json:"conditions"`
}

// RouteParent names the Service whose callers a route is for.
type RouteParent struct {
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Port      uint32 `json:"port,omitempty"` // 0 is any
}

// RouteCondition is one thing that is so or not.
type RouteCondition struct {
	Type    string `json:"type"`
	Status  string `json:"status"` // "True" or "False"
	Reason  string `json:"reason"`
	Message string `json:"message"`

	LastTransitionTime time.Time `json:"lastTransitionTime"` // when its status was seen to change
	ObservedGeneration int64     `json:"observedGeneration"` // the resource's version that it is about
}
