package seal

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// A passphrase is replaced in three steps, with something that opens at every moment and
// for everybody: what is sealed is sealed with the new one as well; all who open it are
// given the new one; and then that alone is kept.

// Adder is a passphrase that things are to be sealed with as well.
type Adder struct {
	ring *Ring
	key  *phrase
}

// Adder makes one of a passphrase.
func (r *Ring) Adder(passphrase string) *Adder { return &Adder{r, &phrase{secret: passphrase}} }

// Add seals what is sealed with the passphrase as well, in place of one that was added
// before. Who cannot open it cannot.
func (a *Adder) Add(ctx context.Context, raw []byte, about string) ([]byte, error) {
	secret, err := a.ring.Decrypt(ctx, raw, about)
	if err != nil {
		return nil, err
	}
	var in sealed
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("open %s: %w", about, err)
	}
	if in.Also, err = with(a.key, secret, about); err != nil {
		return nil, err
	}
	return marshal(&in, about)
}

// Added names the passphrase that something is sealed with as well, "" for none, and
// reports whether this ring has it.
func (r *Ring) Added(raw []byte, about string) (name string, has bool) {
	var in sealed
	if json.Unmarshal(raw, &in) != nil || in.Also == nil {
		return "", false
	}
	_, err := r.open(*in.Also, about)
	return hex.EncodeToString(in.Also.Nonce), err == nil
}

// Settle keeps of what is sealed twice the one: that of the passphrase that was added, or
// the one from before.
func Settle(raw []byte, added bool, about string) ([]byte, error) { //nolint:revive // it is which
	var in sealed
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("open %s: %w", about, err)
	}
	if in.Also == nil {
		return raw, nil
	}
	if added {
		return marshal(in.Also, about)
	}
	in.Also = nil
	return marshal(&in, about)
}
