// Package seal keeps secrets unreadable where they are stored. A secret is sealed with
// a key that comes from a person's passphrase, or with one that lies in a file beside
// the state, and only who has that opens it again.
//
// What is sealed says how: a Ring opens what any of its keys sealed, and tells when
// something should be sealed anew with its first.
package seal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrWrongKey is wrapped when what is sealed cannot be opened with the key at hand.
var ErrWrongKey = errors.New("sealed with another key")

// key is one source of the bytes that seal.
type key interface {
	// kind names the source in what it sealed.
	kind() string
	// forSealing yields the key, made when there is none yet, and the salt that leads
	// to it.
	forSealing() (key, salt []byte, err error)
	// forOpening yields the key of a salt.
	forOpening(salt []byte) ([]byte, error)
}

// sealed is the stored form.
type sealed struct {
	Kind  string `json:"kind"`
	Salt  []byte `json:"salt,omitempty"`
	Nonce []byte `json:"nonce"`
	Data  []byte `json:"data"`

	// Also is the same with another passphrase, which is to take this one's place.
	Also *sealed `json:"also,omitempty"`
}

// Ring seals with its first key and opens with any. Its methods may be called from any
// goroutine.
type Ring struct{ keys []key }

// NewRing seals with the passphrase when one is given, else with the key in the file,
// which it makes when it is first needed. It opens what either sealed.
func NewRing(passphrase, file string) *Ring {
	r := &Ring{keys: []key{&keyFile{path: file}}}
	if passphrase != "" {
		r.keys = append([]key{&phrase{secret: passphrase}}, r.keys...)
	}
	return r
}

// Encrypt seals a secret. It can be opened with the same about alone, which says what
// the secret is.
func (r *Ring) Encrypt(_ context.Context, secret []byte, about string) ([]byte, error) {
	out, err := with(r.keys[0], secret, about)
	if err != nil {
		return nil, err
	}
	return marshal(out, about)
}

func with(from key, secret []byte, about string) (*sealed, error) {
	k, salt, err := from.forSealing()
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", about, err)
	}
	aead, err := chacha20poly1305.NewX(k)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", about, err)
	}
	out := &sealed{Kind: from.kind(), Salt: salt, Nonce: make([]byte, aead.NonceSize())}
	_, _ = rand.Read(out.Nonce) // never fails
	out.Data = aead.Seal(nil, out.Nonce, secret, []byte(about))
	return out, nil
}

func marshal(in *sealed, about string) ([]byte, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", about, err)
	}
	return raw, nil
}

// Decrypt opens what Encrypt made of a secret about the same.
func (r *Ring) Decrypt(_ context.Context, raw []byte, about string) ([]byte, error) {
	var in sealed
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("open %s: %w", about, err)
	}
	secret, err := r.open(in, about)
	if err != nil && in.Also != nil {
		if also, otherErr := r.open(*in.Also, about); otherErr == nil {
			return also, nil
		}
	}
	return secret, err
}

func open(k []byte, in sealed, about string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k)
	if err != nil {
		return nil, err
	}
	if len(in.Nonce) != aead.NonceSize() {
		return nil, fmt.Errorf("nonce has %d bytes, want %d", len(in.Nonce), aead.NonceSize())
	}
	secret, err := aead.Open(nil, in.Nonce, in.Data, []byte(about))
	if err != nil {
		return nil, ErrWrongKey
	}
	return secret, nil
}

// Stale reports whether something was sealed with another kind of key than would be
// used now. What is sealed twice is left to who settles that.
func (r *Ring) Stale(raw []byte) bool {
	var in sealed
	return json.Unmarshal(raw, &in) != nil || in.Kind != r.keys[0].kind() && in.Also == nil
}

func (r *Ring) open(in sealed, about string) ([]byte, error) {
	for _, source := range r.keys {
		if source.kind() != in.Kind {
			continue
		}
		k, err := source.forOpening(in.Salt)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", about, err)
		}
		secret, err := open(k, in, about)
		if err != nil {
			return nil, fmt.Errorf("open %s with the %s: %w", about, in.Kind, err)
		}
		return secret, nil
	}
	return nil, fmt.Errorf("open %s: %w: it needs the %s, and none is given", about, ErrWrongKey, in.Kind)
}
