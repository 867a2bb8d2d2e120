package controlplane

import (
	"context"
	"errors"

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
	guards   []store.Guard
}

// Load is every verdict in force that can be read. Those that cannot be are the mirror's
// to tell of.
func (j *journal) Load(ctx context.Context) ([]mesh.Verdict, int64, error) {
	items, _, revision, err := j.verdicts.Readable(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := make([]mesh.Verdict, 0, len(items))
	for _, i := range items {
		out = append(out, i.Value)
	}
	return out, revision, nil
}

// Save stores verdicts and what is told of them in one step. A released verdict is
// removed.
func (j *journal) Save(ctx context.Context, revision int64, verdicts []mesh.Verdict, events []mesh.Event) error {
	ops := make([]store.Op, 0, len(verdicts)+len(events)+1)
	for _, v := range verdicts {
		if v.Phase == mesh.Released {
			ops = append(ops, j.verdicts.Delete(v.ID))
			continue
		}
		ops = append(ops, j.verdicts.Put(v.ID, v))
	}
	if len(ops) > 0 {
		ops = append(ops, j.verdicts.Mark())
	}
	for _, e := range events {
		ops = append(ops, j.events.Op(e))
	}
	guards := append([]store.Guard{j.verdicts.UnmarkedSince(revision)}, j.guards...)
	err := j.store.Commit(ctx, guards, ops...)
	if errors.Is(err, store.ErrConflict) {
		return remedy.ErrChanged
	}
	if err != nil {
		return err
	}
	j.events.Trim(ctx)
	return nil
}

// termed is the journal of a leader: what it saves is refused once another leads.
func (j *journal) termed(t store.Term) *journal {
	next := *j
	next.guards = []store.Guard{t.Guard()}
	return &next
}
