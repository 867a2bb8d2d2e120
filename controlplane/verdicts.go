package controlplane

import (
	"context"

	"github.com/sightline-mesh/sightline/controlplane/event"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/remedy"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

var _ remedy.Journal = (*journal)(nil)

// journal keeps what remedy decides in the store.
type journal struct {
	store    *store.Store
	verdicts store.Table[mesh.Verdict]
	events   *event.Log
}

// Load is every verdict in force.
func (j *journal) Load(ctx context.Context) ([]mesh.Verdict, error) {
	items, _, err := j.verdicts.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]mesh.Verdict, 0, len(items))
	for _, i := range items {
		out = append(out, i.Value)
	}
	return out, nil
}

// Save stores verdicts and what is told of them in one step. A released verdict is
// removed.
func (j *journal) Save(ctx context.Context, verdicts []mesh.Verdict, events []mesh.Event) error {
	ops := make([]store.Op, 0, len(verdicts)+len(events))
	for _, v := range verdicts {
		if v.Phase == mesh.Released {
			ops = append(ops, j.verdicts.Delete(v.ID))
			continue
		}
		ops = append(ops, j.verdicts.Put(v.ID, v))
	}
	for _, e := range events {
		ops = append(ops, j.events.Op(e))
	}
	if err := j.store.Commit(ctx, nil, ops...); err != nil {
		return err
	}
	return j.events.Trim(ctx)
}
