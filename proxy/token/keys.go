package token

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// maxKeys bounds the keys of one set.
const maxKeys = 100

// algorithms are those that a token may be signed with: never none, and never one
// with a shared secret, for which a public key could be taken.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// keySet is what an issuer signs with. It is never changed.
type keySet struct{ keys []jose.JSONWebKey }

// parseKeys takes the public signing keys of a JSON Web Key Set. Keys of kinds that
// are not known are left out, as others may have a use for them.
func parseKeys(raw []byte) (*keySet, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("key set is no JSON: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("key set has %d keys; at most %d are taken", len(set.Keys), maxKeys)
	}
	out := &keySet{}
	for _, k := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(k, &key) != nil || !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
			continue
		}
		out.keys = append(out.keys, key)
	}
	if len(out.keys) == 0 {
		return nil, errors.New("key set has no public key to verify a signature with")
	}
	return out, nil
}

var errSignature = errors.New("the signature is not right")

// verify checks the signature with the keys that may have made it. known is false
// when the token names a key that is not in the set.
func (s *keySet) verify(t *jose.JSONWebSignature) (payload []byte, known bool, err error) {
	h := t.Signatures[0].Protected
	for i := range s.keys {
		k := &s.keys[i]
		if h.KeyID != "" && k.KeyID != h.KeyID {
			continue
		}
		known = true
		if k.Algorithm != "" && k.Algorithm != h.Algorithm {
			continue
		}
		if payload, err := t.Verify(k.Key); err == nil {
			return payload, true, nil
		}
	}
	return nil, known || h.KeyID == "", errSignature
}
