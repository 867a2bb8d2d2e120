package remedy

import (
	"context"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Trip keeps traffic away from a target on a person's word. No guard stands in the
// way, and nothing but a person lets go again: the verdict is held. Errors are
// ErrUnknownTarget and ErrAlreadyTripped.
func (r *Remedy) Trip(ctx context.Context, t mesh.Target, reason, by string) (mesh.Verdict, error) {
	instances, err := r.deps.Instances(ctx)
	if err != nil {
		return mesh.Verdict{}, fmt.Errorf("trip %s: %w", t, err)
	}
	var made mesh.Verdict
	err = r.byHand(ctx, func(s State) (State, Outcome, error) {
		d := decision{config: r.config, State: s.clone(), in: Input{Now: time.Now().UTC(), Instances: instances}}
		switch {
		case t.Service == "" || len(d.registered(t)) == 0:
			return s, Outcome{}, fmt.Errorf("trip %s: %w", t, ErrUnknownTarget)
		case d.covered(t):
			return s, Outcome{}, fmt.Errorf("trip %s: %w", t, ErrAlreadyTripped)
		}
		if reason == "" {
			reason = "by hand"
		}
		made = mesh.Verdict{ID: d.newID(), Target: t, Phase: mesh.Tripped, Reason: reason, By: by, Held: true, Since: d.in.Now}
		d.put(course{verdict: made, entered: d.in.Now})
		made = d.courses[made.ID].verdict
		d.tell(mesh.EventTripped, made, sentence(t, "is tripped by hand: %s", reason), nil)
		return d.State, d.out, nil
	})
	return made, err
}

// registered are the instances that a target means, whatever their state.
func (d *decision) registered(t mesh.Target) []mesh.Instance {
	var out []mesh.Instance
	for _, i := range d.in.Instances {
		if covers(t, mesh.Target{Service: i.Service, Version: i.Version, Instance: i.ID}) {
			out = append(out, i)
		}
	}
	return out
}

// Release lets go of a verdict on a person's word; the target is left alone for a
// while, whatever is seen of it. The error is ErrUnknownVerdict.
func (r *Remedy) Release(ctx context.Context, id, by string) error {
	return r.onOne(ctx, id, func(d *decision, c course) {
		d.release(c, "by hand", by, d.config.ManualCooldown)
	})
}

// Hold keeps a verdict tripped until a person releases it. The error is
// ErrUnknownVerdict.
func (r *Remedy) Hold(ctx context.Context, id, by string) error {
	return r.onOne(ctx, id, func(d *decision, c course) {
		c.verdict.Held, c.verdict.Phase, c.verdict.Admit = true, mesh.Tripped, 0
		c.entered = d.in.Now
		d.put(c)
		told := c.verdict
		told.By = by
		d.tell(mesh.EventHeld, told, sentence(told.Target, "is held until somebody releases it"), nil)
	})
}

func (r *Remedy) onOne(ctx context.Context, id string, step func(*decision, course)) error {
	return r.byHand(ctx, func(s State) (State, Outcome, error) {
		c, ok := s.courses[id]
		if !ok {
			return s, Outcome{}, fmt.Errorf("verdict %q: %w", id, ErrUnknownVerdict)
		}
		d := &decision{config: r.config, State: s.clone(), in: Input{Now: time.Now().UTC()}}
		step(d, c)
		return d.State, d.out, nil
	})
}
