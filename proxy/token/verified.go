package token

import (
	"time"

	"github.com/sightline-mesh/sightline/proxy/route"
)

// Verified is a token that was found right. It is shared and never changed.
type Verified struct {
	// Edits are what the request to the app is changed by.
	Edits []route.Edit

	principal string
	tree      map[string]any
	until     time.Time // zero is for ever
}

// Principal is "issuer/subject", empty unless the token has both.
func (v *Verified) Principal() string { return v.principal }

// Strings are the texts at a path of claims.
func (v *Verified) Strings(path []string) []string {
	at := v.tree
	for i, name := range path {
		if i == len(path)-1 {
			texts, _ := at[name].([]string)
			return texts
		}
		at, _ = at[name].(map[string]any)
	}
	return nil
}
