package config

import (
	"encoding/json"
	"fmt"
)

// keySet says what is wrong with a JSON Web Key Set. Whether each key is one is the
// sidecars' to see, who use them.
func keySet(text string) string {
	var set struct {
		Keys []struct {
			Kty string `json:"kty"`
			D   string `json:"d"`
			K   string `json:"k"`
		} `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return fmt.Sprintf("is not a JSON Web Key Set: %v", err)
	}
	public := false
	for i, k := range set.Keys {
		if k.D != "" || k.K != "" {
			return fmt.Sprintf("keys[%d] holds a secret; want public keys only", i)
		}
		public = public || k.Kty == "RSA" || k.Kty == "EC" || k.Kty == "OKP"
	}
	if public {
		return ""
	}
	return "has no public key of kty RSA, EC or OKP"
}
