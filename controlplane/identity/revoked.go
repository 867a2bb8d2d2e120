package identity

import (
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// ErrRevoked is wrapped when a certificate was taken back.
var ErrRevoked = errors.New("certificate is revoked")

// Revocation says whose certificates are refused: the one of a serial number, or, if
// that is empty, all of an identity that were issued up to a moment.
type Revocation struct {
	Serial   string // lower-case hex
	Identity string
	Before   time.Time
}

// Revocations answers for a list of them. It is never changed; nil is an empty list.
type Revocations struct {
	serials    map[string]bool
	identities map[string]time.Time
}

// NewRevocations makes the list fit for look-ups.
func NewRevocations(all []Revocation) *Revocations {
	r := &Revocations{serials: map[string]bool{}, identities: map[string]time.Time{}}
	for _, one := range all {
		switch before := r.identities[one.Identity]; {
		case one.Serial != "":
			r.serials[one.Serial] = true
		case one.Before.After(before):
			r.identities[one.Identity] = one.Before
		}
	}
	return r
}

// Check is ErrRevoked for a certificate that is on the list.
func (r *Revocations) Check(c *x509.Certificate) error {
	if r == nil || len(r.serials)+len(r.identities) == 0 {
		return nil
	}
	revoked := r.serials[c.SerialNumber.Text(16)]
	for _, u := range c.URIs {
		before, listed := r.identities[u.String()]
		revoked = revoked || listed && !IssuedAt(c).After(before)
	}
	if revoked {
		return fmt.Errorf("%w: %s", ErrRevoked, Describe(c))
	}
	return nil
}

// Len is how many entries there are.
func (r *Revocations) Len() int {
	if r == nil {
		return 0
	}
	return len(r.serials) + len(r.identities)
}

// mostBackdated is how much earlier than its issue a certificate may begin for its
// serial number to be taken for one that tells the moment.
const mostBackdated = time.Hour

// IssuedAt is when a certificate was issued: the mesh's own say so in the first six
// bytes of their serial number, as milliseconds; of others it is when they begin.
func IssuedAt(c *x509.Certificate) time.Time {
	var b [16]byte
	if c.SerialNumber == nil || c.SerialNumber.Sign() < 0 || c.SerialNumber.BitLen() > 8*len(b) {
		return c.NotBefore
	}
	c.SerialNumber.FillBytes(b[:])
	var ms [8]byte
	copy(ms[2:], b[:6])
	at := time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:])))
	if early := at.Sub(c.NotBefore); early < -time.Second || early > mostBackdated {
		return c.NotBefore
	}
	return at
}

// Describe names a certificate to people: its identity, workload and serial number.
func Describe(c *x509.Certificate) string {
	id := mesh.Identity("no identity")
	if len(c.URIs) == 1 {
		id = mesh.Identity(c.URIs[0].String())
	}
	if w, err := WorkloadOf(c); err == nil {
		return fmt.Sprintf("%s, instance %s, serial %s", id, w.Instance, c.SerialNumber.Text(16))
	}
	return fmt.Sprintf("%s, serial %s", id, c.SerialNumber.Text(16))
}
