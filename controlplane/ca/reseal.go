package ca

import (
	"context"
	"errors"
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/ca/seal"
)

// ErrSealing is wrapped when keys are not sealed as a step of sealing them anew needs it.
var ErrSealing = errors.New("the CA's keys are sealed otherwise")

// resealer is a Sealer whose passphrase can be replaced.
type resealer interface {
	Adder(passphrase string) *seal.Adder
	Added(raw []byte, about string) (name string, has bool)
}

// Sealing is how the CA's keys are sealed.
type Sealing struct {
	Added string // names the passphrase that they are sealed with as well; "" is none
	Has   bool   // this control plane has it
}

// Sealing is how the keys are sealed now.
func (a *Authority) Sealing() Sealing {
	r, ok := a.sealer.(resealer)
	if !ok {
		return Sealing{}
	}
	added, has := r.Added(a.current.Load().state.Signer.Key, a.about())
	return Sealing{added, has}
}

// Reseal seals the CA's keys with another passphrase as well: who has either opens them.
func (a *Authority) Reseal(ctx context.Context, passphrase string) error {
	r, ok := a.sealer.(resealer)
	if !ok {
		return fmt.Errorf("seal the CA's keys anew: %w: not with a passphrase", ErrSealing)
	}
	add := r.Adder(passphrase)
	err := a.change(ctx, func(s *State) error {
		return s.reseal(func(key []byte) ([]byte, error) { return add.Add(ctx, key, a.about()) })
	})
	if err != nil {
		return fmt.Errorf("seal the CA's keys anew: %w", err)
	}
	return nil
}

// Settle keeps the CA's keys sealed with one passphrase alone: the one that Reseal added,
// which this control plane must have, or that of before.
func (a *Authority) Settle(ctx context.Context, added bool) error {
	err := a.change(ctx, func(s *State) error {
		r, _ := a.sealer.(resealer)
		if r == nil {
			return fmt.Errorf("%w: not with a passphrase", ErrSealing)
		}
		if name, _ := r.Added(s.Signer.Key, a.about()); name == "" {
			return fmt.Errorf("%w: no other passphrase was added", ErrSealing)
		}
		if err := s.reseal(func(key []byte) ([]byte, error) { return seal.Settle(key, added, a.about()) }); err != nil {
			return err
		}
		if _, err := a.unseal(ctx, s.Signer.Key); err != nil {
			return fmt.Errorf("%w: this control plane was not given the passphrase that would be kept: %w", ErrSealing, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle how the CA's keys are sealed: %w", err)
	}
	return nil
}

// reseal replaces every key by what anew makes of it. Those of an authority that does not
// sign yet and cannot be opened are left as they are: a rotation to it is refused.
func (s *State) reseal(anew func(key []byte) ([]byte, error)) error {
	var err error
	if s.Signer, err = s.Signer.reseal(anew); err != nil {
		return err
	}
	for _, waiting := range []**Material{&s.Next, &s.Supplied} {
		if *waiting == nil {
			continue
		}
		if m, err := (*waiting).reseal(anew); err == nil {
			*waiting = &m
		}
	}
	return nil
}

func (m *Material) reseal(anew func(key []byte) ([]byte, error)) (out Material, err error) {
	out = *m
	for _, key := range []*[]byte{&out.Key, &out.RootKey} {
		if *key == nil {
			continue
		}
		if *key, err = anew(*key); err != nil {
			return Material{}, err
		}
	}
	return out, nil
}
