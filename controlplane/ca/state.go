package ca

import (
	"context"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// State is all that the authority keeps, one value, so that whom to trust, who signs and
// what is revoked are never half changed. Keys in it are sealed.
type State struct {
	Version  uint64            `json:"version"` // grows with every change
	Roots    [][]byte          `json:"roots"`   // DER, trusted now
	Signer   Material          `json:"signer"`
	Next     *Material         `json:"next,omitempty"` // signs once the rotation is so far
	Supplied *Material         `json:"supplied,omitempty"`
	Phase    Phase             `json:"phase,omitempty"`
	Former   string            `json:"former,omitempty"` // key id, hex, of what signed before; in phase Renew alone
	Since    time.Time         `json:"since,omitzero"`   // of the phase
	Revoked  []mesh.Revocation `json:"revoked,omitempty"`
}

// Material is what it takes to sign.
type Material struct {
	Chain   [][]byte `json:"chain"`             // DER: the signing certificate and those above it, without the root
	Root    []byte   `json:"root"`              // DER; it signs itself where the chain is empty
	Key     []byte   `json:"key"`               // PKCS #8 of the signing certificate, sealed
	RootKey []byte   `json:"rootKey,omitempty"` // the same of the root, where it is the mesh's own
	Cross   []byte   `json:"cross,omitempty"`   // DER: the signing certificate as the root before vouches for it
}

// signing is the certificate that signs.
func (m *Material) signing() []byte {
	if len(m.Chain) == 0 {
		return m.Root
	}
	return m.Chain[0]
}

// Phase is how far a rotation is.
type Phase string

// The phases of a rotation. Each but the first is entered by a command, and survives
// whatever the control plane goes through.
const (
	Steady     Phase = ""           // there is no rotation
	Distribute Phase = "distribute" // the new root is trusted beside the old one, which still signs
	Renew      Phase = "renew"      // the new one signs; certificates of the old one are replaced
)

// Records keeps the state.
type Records interface {
	// GetOrCreate is the value of a key, made and stored first when there is none.
	// Of several callers at once all get the same value.
	GetOrCreate(ctx context.Context, key string, produce func() (State, error)) (State, error)
	// Update replaces a value with what change makes of it, in one step; change may run
	// more than once. An error of change is passed on and nothing is stored.
	Update(ctx context.Context, key string, change func(State) (State, error)) error
}

// Sealer keeps private keys unreadable where they are stored: a passphrase, a key in a
// file, or a key management service that never lets go of its own key.
type Sealer interface {
	// Encrypt seals a secret; about says what it is, and has to be the same to open it.
	Encrypt(ctx context.Context, secret []byte, about string) ([]byte, error)
	// Decrypt opens what Encrypt sealed.
	Decrypt(ctx context.Context, sealed []byte, about string) ([]byte, error)
}

const stateKey = "state"
