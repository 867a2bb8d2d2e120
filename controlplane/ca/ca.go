// Package ca is the mesh's certificate authority. It issues short-lived SPIFFE
// certificates to workloads and to the control plane itself, says whom the mesh
// trusts, replaces its own root while traffic goes on, and takes certificates back.
//
// All it keeps is one value in the store, private keys sealed, so any control plane
// on that store that can open them may sign; a change made by one is taken over by the
// others when they are told to Reload.
//
// The root is made at the first start, with an intermediate below it, or supplied.
package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Config says what is issued.
type Config struct {
	TrustDomain string        // "mesh.local"
	TTL         time.Duration // of workload certificates
	// Supplied is an authority to issue with; its zero value is one of the mesh's own. It
	// is taken at the first start. Later, another one than that waits for a rotation.
	Supplied Files
}

// Deps is what an authority works with.
type Deps struct {
	Records Records
	Sealer  Sealer
	// Now is time.Now if it is nil.
	Now func() time.Time
}

// Authority issues certificates. Its methods may be called from any goroutine.
type Authority struct {
	cfg     Config
	domain  spiffeid.TrustDomain
	records Records
	sealer  Sealer
	now     func() time.Time

	loading sync.Mutex // one Reload at a time
	current atomic.Pointer[opened]
}

// opened is the state with its keys, ready to sign. It is never changed.
type opened struct {
	state   State
	roots   []*x509.Certificate
	bundle  *x509bundle.Bundle // of roots
	signing *x509.Certificate
	key     crypto.Signer
	revoked *identity.Revocations
	chain   [][]byte      // what follows a leaf
	changed chan struct{} // closed when there is a newer one
}

// Load takes the authority from its records, made first when there is none. One of
// another trust domain is an error: a mesh keeps its name.
func Load(ctx context.Context, c Config, d Deps) (*Authority, error) {
	domain, err := spiffeid.TrustDomainFromString(c.TrustDomain)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	a := &Authority{cfg: c, domain: domain, records: d.Records, sealer: d.Sealer, now: d.Now}
	if a.now == nil {
		a.now = time.Now
	}
	supplied, err := a.readSupplied()
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	state, err := d.Records.GetOrCreate(ctx, stateKey, func() (State, error) { return a.first(ctx, supplied) })
	if err == nil {
		err = a.adopt(ctx, state) // first: who cannot open the keys in force must not seal others
	}
	if err == nil && supplied != nil {
		err = a.propose(ctx, supplied)
	}
	if err == nil {
		err = a.Maintain(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	return a, nil
}

// Reload takes over what another control plane, or a method of this one, has changed.
func (a *Authority) Reload(ctx context.Context) error {
	state, err := a.records.GetOrCreate(ctx, stateKey, func() (State, error) {
		return State{}, errors.New("the authority is gone from the store")
	})
	if err == nil {
		err = a.adopt(ctx, state)
	}
	if err != nil {
		return fmt.Errorf("reload authority: %w", err)
	}
	return nil
}

// TrustDomain is the name of the mesh.
func (a *Authority) TrustDomain() string { return a.cfg.TrustDomain }

// Root is the certificate that chains issued now end in.
func (a *Authority) Root() *x509.Certificate {
	o := a.current.Load()
	for _, r := range o.roots {
		if string(r.Raw) == string(o.state.Signer.Root) {
			return r
		}
	}
	return o.roots[0]
}

// Roots are those that are trusted now.
func (a *Authority) Roots() []*x509.Certificate { return a.current.Load().roots }

// Bundle is every root that is trusted now, DER.
func (a *Authority) Bundle() [][]byte { return a.current.Load().state.Roots }

// Trust is whom to trust, as of one moment.
type Trust struct {
	Version uint64
	Roots   [][]byte // DER
	Signer  string   // key id, hex
	Former  string   // the same of what signed before, while its certificates are replaced
	Revoked []mesh.Revocation
	Changed <-chan struct{} // closed when there is a newer one
}

// Trust is whom to trust now.
func (a *Authority) Trust() Trust {
	o := a.current.Load()
	return Trust{
		Version: o.state.Version, Roots: o.state.Roots, Signer: keyID(o.signing), Former: o.state.Former,
		Revoked: alive(o.state.Revoked, a.now()), Changed: o.changed,
	}
}

// keyID names the key of an authority as certificates that it signed name it.
func keyID(c *x509.Certificate) string { return hex.EncodeToString(c.SubjectKeyId) }
