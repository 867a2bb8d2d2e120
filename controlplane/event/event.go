// Package event keeps the mesh's timeline: what changed, because of what, by whom.
package event

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const (
	// Cap is how many events are kept; the oldest go first.
	Cap       = 10_000
	trimEvery = 200 // appends: a trim reads the keys of all events

	// DefaultLimit and MaxLimit bound the length of an answer.
	DefaultLimit = 100
	MaxLimit     = 1000
	page         = 500
)

// Query chooses events. Its zero value asks for the newest there are.
type Query struct {
	After   string           // id: only later ones
	Limit   int              // 0 is DefaultLimit
	Kind    mesh.EventKind   // "" is any
	Service mesh.ServiceName // "" is any
}

// Log is the timeline. Its methods may be called from any goroutine.
type Log struct {
	table store.Table[mesh.Event]
	count atomic.Uint64 // appended by this process; also tells ids of one microsecond apart
	now   func() time.Time
}

// New keeps the timeline in s.
func New(s *store.Store) *Log {
	return &Log{table: store.TableOf[mesh.Event](s, store.Events), now: time.Now}
}

// Append adds an event at the end. Its id is made here; its time too, when it has
// none.
func (l *Log) Append(ctx context.Context, e mesh.Event) error {
	now := l.now()
	if e.Time.IsZero() {
		e.Time = now.UTC()
	}
	n := l.count.Add(1)
	e.ID = fmt.Sprintf("%014x%04x", now.UnixMicro(), n&0xffff)
	if err := l.table.Create(ctx, e.ID, e); err != nil {
		return fmt.Errorf("append event: %w", err)
	}
	if n%trimEvery == 0 {
		return l.table.DeleteOldest(ctx, Cap)
	}
	return nil
}

// List is what the query chooses, newest first.
func (l *Log) List(ctx context.Context, q Query) ([]mesh.Event, error) {
	if q.Limit <= 0 {
		q.Limit = DefaultLimit
	}
	q.Limit = min(q.Limit, MaxLimit)
	out := []mesh.Event{}
	below := ""
	for {
		items, err := l.table.Newest(ctx, below, q.After, page)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if q.fits(item.Value) {
				out = append(out, item.Value)
			}
			if len(out) == q.Limit {
				return out, nil
			}
		}
		if len(items) < page {
			return out, nil
		}
		below = items[len(items)-1].Key
	}
}

func (q Query) fits(e mesh.Event) bool {
	return (q.Kind == "" || q.Kind == e.Kind) && (q.Service == "" || q.Service == e.Target.Service)
}
