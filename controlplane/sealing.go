package controlplane

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// sealing is how the CA's keys are sealed, as this control plane sees it or as all do.
func (p *plane) sealing(ctx context.Context, own bool) (mesh.Sealing, error) { //nolint:revive // the API's own flag
	at := p.authority.Sealing()
	out := mesh.Sealing{Twice: at.Added != "", Name: at.Added, Has: at.Has}
	if own || !out.Twice {
		return out, nil
	}
	if !at.Has {
		out.Waiting = append(out.Waiting, p.id)
	}
	others, err := p.replicas.peers(ctx)
	if err != nil {
		return out, err
	}
	ask := func(c *admin.Client, ctx context.Context) (mesh.Sealing, error) { return c.Sealing(ctx, true) }
	askEach(ctx, others, ask, func(id string, said mesh.Sealing, err error) {
		if err != nil || said.Name != at.Added || !said.Has {
			out.Waiting = append(out.Waiting, id)
		}
	})
	slices.Sort(out.Waiting)
	return out, nil
}

// errUngiven is wrapped when there are control planes that could not open the CA's keys.
var errUngiven = errors.New("not all control planes have the new passphrase")

// reseal does one step of replacing the passphrase of the CA's keys.
func (p *plane) reseal(ctx context.Context, asked admin.ResealRequest) (mesh.Sealing, error) {
	if err := p.holdsDirectory("the CA's passphrase", asked.Token); err != nil {
		return mesh.Sealing{}, err
	}
	done, err := p.resealStep(ctx, asked)
	if err != nil {
		return mesh.Sealing{}, err
	}
	p.deps.Logger.Warn("certificate authority: "+done, "by", asked.By)
	p.tell(mesh.Event{Kind: mesh.EventIdentity, By: asked.By, Summary: done})
	return p.sealing(ctx, false)
}

func (p *plane) resealStep(ctx context.Context, asked admin.ResealRequest) (done string, err error) {
	switch asked.Step {
	case admin.ResealAdd:
		if asked.Passphrase == "" {
			return "", fmt.Errorf("%w: no new passphrase is given", ca.ErrSealing)
		}
		return "sealed the CA's keys with another passphrase as well", p.authority.Reseal(ctx, asked.Passphrase)
	case admin.ResealFinish:
		at, err := p.sealing(ctx, false)
		if err == nil && len(at.Waiting) > 0 && !asked.Force {
			err = fmt.Errorf("%w: %s: start them with it first", errUngiven, strings.Join(at.Waiting, ", "))
		}
		if err != nil {
			return "", err
		}
		return "sealed the CA's keys with the new passphrase alone", p.authority.Settle(ctx, true)
	case admin.ResealAbandon:
		return "sealed the CA's keys with the passphrase of before alone", p.authority.Settle(ctx, false)
	}
	return "", fmt.Errorf("%w: step %q: want add, finish or abandon", ca.ErrSealing, asked.Step)
}
