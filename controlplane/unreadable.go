package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/mirror"
	"github.com/sightline-mesh/sightline/controlplane/registry"
	"github.com/sightline-mesh/sightline/controlplane/store"
	"github.com/sightline-mesh/sightline/controlplane/token"
	"github.com/sightline-mesh/sightline/controlplane/traffic"
	"github.com/sightline-mesh/sightline/controlplane/trust"
)

// checked is a table that is read where it is asked for, without what cannot be read:
// what does not decode is found out, and told, as it is stored.
type checked struct {
	decode  func(store.Change) error
	instead string
}

// checkedTables are all but those of the mirror, which knows of its own, and of the
// timeline and the history, which say it in the place of what cannot be read.
var checkedTables = map[string]checked{
	store.Streams:  {as[registry.Stream], mesh.InsteadNothing},
	store.Replicas: {as[replica], mesh.InsteadNothing},
	store.Tokens:   {as[token.Grant], mesh.InsteadNobody},
	store.Holders:  {as[trust.Summary], mesh.InsteadWait},
	store.Leaves:   {as[mesh.Leaf], mesh.InsteadWait},
	store.Traffic:  {traffic.Decode, mesh.InsteadNoUndo},
}

func as[T any](c store.Change) error {
	var v T
	return c.Decode(&v)
}

// followed are the tables of which every change is looked at.
func followed() []string {
	out := slices.Clone(mirror.Tables)
	for t := range checkedTables {
		out = append(out, t)
	}
	return out
}

// unread remembers what was told of stored values that cannot be read: each is logged
// once by every control plane, and on the timeline once by the one that leads.
type unread struct {
	mu     sync.Mutex                   // guards what follows
	found  map[unreadAt]mesh.Unreadable // in checkedTables
	logged map[unreadAt]mesh.Unreadable // in the log
	told   map[unreadAt]mesh.Unreadable // on the timeline
}

type unreadAt struct{ table, key string }

// check finds out what of a batch cannot be read.
func (u *unread) check(b store.Batch) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if b.Whole || u.found == nil {
		u.found = map[unreadAt]mesh.Unreadable{}
	}
	for _, c := range b.Changes {
		table, ok := checkedTables[c.Table]
		if !ok {
			continue
		}
		at := unreadAt{c.Table, c.Key}
		delete(u.found, at)
		if c.Removed {
			continue
		}
		if err := table.decode(c); err != nil {
			u.found[at] = mesh.Unreadable{Table: c.Table, Key: c.Key, Reason: err.Error(), Instead: table.instead, Revision: c.Revision}
		}
	}
}

// here are those of checkedTables, in the order of tables and keys.
func (u *unread) here() []mesh.Unreadable {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := make([]mesh.Unreadable, 0, len(u.found))
	for _, one := range u.found {
		out = append(out, one)
	}
	slices.SortFunc(out, mesh.Unreadable.Compare)
	return out
}

// cannotRead is all that is stored and cannot be read.
func (p *plane) cannotRead() []mesh.Unreadable {
	out := append(p.mirror.Unreadable(), p.unread.here()...)
	slices.SortFunc(out, mesh.Unreadable.Compare)
	return out
}

// sayUnreadable tells of what has become unreadable, or is no longer.
func (p *plane) sayUnreadable() {
	all := p.cannotRead()
	p.unread.mu.Lock()
	defer p.unread.mu.Unlock()
	now := map[unreadAt]mesh.Unreadable{}
	for _, u := range all {
		at := unreadAt{u.Table, u.Key}
		now[at] = u
		if p.unread.logged[at].Revision != u.Revision {
			p.deps.Logger.Error("a stored value cannot be read", "what", u.What(), "reason", u.Reason, "instead", u.Instead)
		}
		if p.leads.Load() && p.unread.told[at].Revision != u.Revision {
			p.tell(mesh.Event{Kind: mesh.EventConfig, Summary: u.String(), By: author, Detail: map[string]string{
				"resource": u.What(), "reason": u.Reason, "instead": u.Instead,
			}})
		}
	}
	for at, u := range p.unread.logged {
		if _, still := now[at]; !still {
			p.deps.Logger.Info("a stored value can be read again, or is gone", "what", u.What())
		}
	}
	p.unread.logged = now
	if p.leads.Load() {
		p.unread.told = now
	}
}

// unreadable is what cannot be read of what is stored.
func (p *plane) unreadable(context.Context) ([]mesh.Unreadable, error) {
	return p.cannotRead(), nil
}

// discard removes a stored value that this control plane cannot read, as it is now.
func (p *plane) discard(ctx context.Context, table, key, by string) error {
	all := p.cannotRead()
	at := slices.IndexFunc(all, func(u mesh.Unreadable) bool { return u.Table == table && u.Key == key })
	if at < 0 {
		return fmt.Errorf("discard %s %s: %w among what this control plane cannot read", table, key, store.ErrNotFound)
	}
	u := all[at]
	if table == store.Resources {
		return &admin.Error{Status: http.StatusUnprocessableEntity, Detail: fmt.Sprintf("discard %s: it is a resource: what is left without it has to be looked at, which `sightline delete` does", u.What())}
	}
	raw := store.TableOf[json.RawMessage](p.store, table)
	told := p.events.Op(mesh.Event{Kind: mesh.EventConfig, By: by, Summary: "discarded " + u.What() + ", which could not be read", Detail: map[string]string{"resource": u.What(), "reason": u.Reason}})
	err := p.store.Commit(ctx, []store.Guard{raw.At(key, u.Revision)}, raw.Delete(key), told)
	if errors.Is(err, store.ErrConflict) {
		err = fmt.Errorf("discard %s: %w", u.What(), err)
	}
	return err
}
