// Package token makes and redeems join tokens: the secret by which a workload
// that has no certificate yet proves that someone let it in, and by which it knows
// the control plane it should trust.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	prefix      = "slt"
	idBytes     = 6
	secretBytes = 20
)

// ErrMalformed is what Parse returns for a string that is no join token.
var ErrMalformed = errors.New("not a join token: want slt_<id>_<secret>_<root fingerprint>")

// Token is a join token. Its text form is slt_<id>_<secret>_<root>, each part in
// lower-case hex.
type Token struct {
	ID     string // names the grant it stands for; no secret
	Secret string
	Root   [sha256.Size]byte // fingerprint of the root the control plane's chain ends in
}

// New makes a token with a fresh secret for control planes of the given root.
func New(root *x509.Certificate) Token {
	return Token{ID: random(idBytes), Secret: random(secretBytes), Root: Fingerprint(root)}
}

// Parse reads a token's text form. Its errors never repeat the secret.
func Parse(s string) (Token, error) {
	parts := strings.Split(strings.TrimSpace(s), "_")
	if len(parts) != 4 || parts[0] != prefix {
		return Token{}, ErrMalformed
	}
	t := Token{ID: parts[1], Secret: parts[2]}
	if !isHex(t.ID, idBytes) || !isHex(t.Secret, secretBytes) || !isHex(parts[3], sha256.Size) {
		return Token{}, ErrMalformed
	}
	root, err := hex.DecodeString(parts[3])
	if err != nil {
		return Token{}, fmt.Errorf("%w: root fingerprint: %w", ErrMalformed, err)
	}
	copy(t.Root[:], root)
	return t, nil
}

// String is the token's text form, secret included.
func (t Token) String() string {
	return strings.Join([]string{prefix, t.ID, t.Secret, hex.EncodeToString(t.Root[:])}, "_")
}

// Fingerprint is the SHA-256 of a certificate, by which a token names its root.
func Fingerprint(c *x509.Certificate) [sha256.Size]byte { return sha256.Sum256(c.Raw) }

func isHex(s string, bytes int) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 2*bytes && strings.ToLower(s) == s
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
