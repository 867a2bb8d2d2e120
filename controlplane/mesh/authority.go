package mesh

import "time"

// Authority is how the mesh's certificate authority stands.
type Authority struct {
	TrustDomain string                 `json:"trustDomain"`
	Phase       string                 `json:"phase"` // steady, distribute, renew
	Since       time.Time              `json:"since,omitzero"`
	Next        string                 `json:"next"`    // what a step of the rotation would do
	Version     uint64                 `json:"version"` // of whom to trust
	Signing     AuthorityCertificate   `json:"signing"` // signs workloads
	Roots       []AuthorityCertificate `json:"roots"`   // trusted now
	Own         bool                   `json:"own"`     // the root is the mesh's own
	Supplied    bool                   `json:"supplied"`
	Holders     int                    `json:"holders"`             // who is connected with a certificate
	Returning   bool                   `json:"returning,omitempty"` // a control plane has just started: not all may be back
	Lagging     []Holder               `json:"lagging"`             // of those, who does not trust all roots yet; the first of them
	Outstanding []Leaf                 `json:"outstanding"`         // certificates of another authority that are still in use; the first of them
	Outdated    []Holder               `json:"outdated,omitempty"`  // who is connected and still uses such a one; the first of them
	Old         int                    `json:"old,omitempty"`       // how many they are
	Troubled    []Holder               `json:"troubled"`            // whose renewals fail, or who come near the end of their certificate
	Leaves      int                    `json:"leaves"`              // certificates that are good
	Revoked     []Revocation           `json:"revoked"`
	Twice       bool                   `json:"twice,omitempty"` // its keys are sealed with two passphrases
	Tokens      int                    `json:"tokens"`          // join tokens that name a root which does not sign
}

// AuthorityCertificate is one of an authority's certificates.
type AuthorityCertificate struct {
	Subject     string    `json:"subject"`
	Fingerprint string    `json:"fingerprint"` // SHA-256, hex
	Serial      string    `json:"serial"`      // hex
	Begins      time.Time `json:"begins,omitzero"`
	Expires     time.Time `json:"expires"`
	Alarm       string    `json:"alarm,omitempty"` // warning, critical, expired
	// Role is what a root is to certificates issued now: active, they chain to it; incoming,
	// the next ones of a rotation will; retiring, the former ones did. Empty otherwise.
	Role string `json:"role,omitempty"`
}

// Holders are those that are connected with a certificate, the most urgent first.
type Holders struct {
	Holders []Holder `json:"holders"`
	Left    int      `json:"left,omitempty"`   // how many more there are
	Silent  []string `json:"silent,omitempty"` // control planes that did not answer, whose holders are not in it
}

// Holder is who is connected with a certificate, and what it says of itself.
type Holder struct {
	Identity Identity    `json:"identity"`
	Instance InstanceID  `json:"instance"`
	Service  ServiceName `json:"service"`
	Since    time.Time   `json:"since"` // of the connection
	Version  uint64      `json:"version"`
	Signer   string      `json:"signer"`         // key id of what signed its certificate, hex
	Root     string      `json:"root,omitempty"` // fingerprint of the root that it chains to; empty: one that the mesh's CA does not know, such as a SPIRE server's
	Serial   string      `json:"serial"`
	Issued   time.Time   `json:"issued,omitzero"` // when its life began, as far as that is known
	Expires  time.Time   `json:"expires"`
	Alarm    string      `json:"alarm,omitempty"`
	Failures uint64      `json:"failures,omitempty"` // renewals that failed in a row
	Failure  string      `json:"failure,omitempty"`
	// ClockAheadMs is how far its machine's clock is ahead of that of the control plane to
	// which it is connected; below 0, behind. Certificates bear five minutes.
	ClockAheadMs float64 `json:"clockAheadMs,omitempty"`
}

// ClockAhead is how far the holder's clock is ahead of a control plane's.
func (h Holder) ClockAhead() time.Duration { return fromMilliseconds(h.ClockAheadMs) }

// Leaf is a certificate that a workload has.
type Leaf struct {
	Serial   string    `json:"serial"` // hex
	Identity Identity  `json:"identity"`
	Instance string    `json:"instance"`
	Service  string    `json:"service"`
	Signer   string    `json:"signer"`
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires"`
}

// Revocation is a certificate, or all of an identity up to a moment, that is refused.
type Revocation struct {
	Serial   string    `json:"serial,omitempty"`
	Identity Identity  `json:"identity,omitempty"`
	Before   time.Time `json:"before,omitzero"`
	Expires  time.Time `json:"expires"` // when it says nothing any more
	By       string    `json:"by,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// JoinToken is what is known of a join token: all but its secret.
type JoinToken struct {
	ID        string    `json:"id"`
	Service   string    `json:"service,omitempty"`   // pattern; empty is any
	Namespace string    `json:"namespace,omitempty"` // pattern; empty is any but the mesh's own
	Uses      int       `json:"uses"`                // left, when Limited
	Limited   bool      `json:"limited"`
	Used      int       `json:"used"`
	Created   time.Time `json:"created,omitzero"`
	Expires   time.Time `json:"expires"`
	By        string    `json:"by,omitempty"`
	State     string    `json:"state"`             // good, expired, used up, unreadable
	OldRoot   bool      `json:"oldRoot,omitempty"` // it names a root that does not sign
}
