package controlplane

import (
	"context"
	"sync"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// unread remembers what was told of stored values that cannot be read: each is logged
// once by every control plane, and on the timeline once by the one that leads.
type unread struct {
	mu     sync.Mutex                   // guards what follows
	logged map[unreadAt]mesh.Unreadable // in the log
	told   map[unreadAt]mesh.Unreadable // on the timeline
}

type unreadAt struct{ table, key string }

// sayUnreadable tells of what has become unreadable, or is no longer.
func (p *plane) sayUnreadable() {
	p.unread.mu.Lock()
	defer p.unread.mu.Unlock()
	now := map[unreadAt]mesh.Unreadable{}
	for _, u := range p.mirror.Unreadable() {
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
	return p.mirror.Unreadable(), nil
}
