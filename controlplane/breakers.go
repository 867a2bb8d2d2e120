package controlplane

import (
	"context"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// remedies decides on verdicts, by itself and on a person's word.
type remedies interface {
	admin.Breakers
	Run(ctx context.Context) error
}

func (p *plane) newRemedy() remedies { return manual{p} }

// manual trips, holds and releases on a person's word alone.
type manual struct{ p *plane }

func (manual) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (m manual) Verdicts(ctx context.Context) ([]mesh.Verdict, error) { return m.p.inForce(ctx) }

func (m manual) Trip(ctx context.Context, target mesh.Target, reason, by string) (mesh.Verdict, error) {
	now := time.Now().UTC()
	v := mesh.Verdict{
		ID: fmt.Sprintf("v-%x", now.UnixMicro()), Target: target, Phase: mesh.Tripped, Reason: reason, By: by, Held: true, Since: now,
	}
	return v, m.p.store.Commit(ctx, nil, m.p.verdicts.Put(v.ID, v), m.p.events.Op(mesh.Event{
		Kind: mesh.EventTripped, Target: target, By: by, Verdict: v.ID, Summary: fmt.Sprintf("%s tripped: %s", target, reason),
	}))
}

func (m manual) Release(ctx context.Context, id, by string) error {
	v, err := m.p.verdicts.Get(ctx, id)
	if err != nil {
		return err
	}
	return m.p.store.Commit(ctx, nil, m.p.verdicts.Delete(id), m.p.events.Op(mesh.Event{
		Kind: mesh.EventReleased, Target: v.Target, By: by, Verdict: id, Summary: fmt.Sprintf("%s released", v.Target),
	}))
}

func (m manual) Hold(ctx context.Context, id, by string) error {
	return m.p.verdicts.Update(ctx, id, func(v mesh.Verdict) (mesh.Verdict, error) {
		v.Held = true
		return v, nil
	})
}

func (manual) Report(context.Context, []mesh.Observation) error { return nil }
