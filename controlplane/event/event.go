// Package event keeps the mesh's timeline: what changed, because of what, by whom.
package event

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const (
	// Cap is how many events are kept; the oldest go first.
	Cap       = 10_000
	trimEvery = 200 // events: a trim reads the keys of all

	// DefaultLimit is how many events an answer has at most when none is asked for.
	DefaultLimit = 100
	// MaxLimit is how many it has whatever is asked for.
	MaxLimit = 1000
	page     = 500
	idTime   = 14 // hex digits of an id that tell its time
)

// Query chooses events. Its zero value asks for the newest there are.
type Query struct {
	After   string           // id of the last event of the page before: only older ones
	Since   string           // id of an event seen before: only newer ones
	Limit   int              // 0 is DefaultLimit
	Kind    mesh.EventKind   // "" is any
	Service mesh.ServiceName // "" is any
}

// Log is the timeline. Its methods may be called from any goroutine.
type Log struct {
	store   *store.Store
	table   store.Table[mesh.Event]
	count   atomic.Uint64 // appended by this process; also tells ids of one microsecond apart
	trimmed atomic.Uint64 // count at the last trim
	now     func() time.Time
	log     *slog.Logger
}

// New keeps the timeline in s. A nil logger is silence.
func New(s *store.Store, logger *slog.Logger) *Log {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Log{store: s, table: store.TableOf[mesh.Event](s, store.Events), now: time.Now, log: logger}
}

// Append adds events at the end, all or none. Their ids are made here; their times too,
// when they have none.
func (l *Log) Append(ctx context.Context, events ...mesh.Event) error {
	ops := make([]store.Op, 0, len(events))
	for _, e := range events {
		ops = append(ops, l.Op(e))
	}
	if err := l.store.Commit(ctx, nil, ops...); err != nil {
		return fmt.Errorf("append event: %w", err)
	}
	l.Trim(ctx)
	return nil
}

// Op appends an event as part of a commit, so that what it tells of and the event
// are stored together or not at all. Trim is due now and then.
func (l *Log) Op(e mesh.Event) store.Op {
	now := l.now()
	if e.Time.IsZero() {
		e.Time = now.UTC()
	}
	e.ID = fmt.Sprintf("%014x%04x", now.UnixMicro(), l.count.Add(1)&0xffff)
	return l.table.Put(e.ID, e)
}

// Trim removes the oldest events above Cap, if enough were appended since the last
// time to be worth a look. What was appended is there whatever becomes of that, so a
// failure is only logged: the next time removes the more.
func (l *Log) Trim(ctx context.Context) {
	n := l.count.Load()
	if last := l.trimmed.Load(); n-last < trimEvery || !l.trimmed.CompareAndSwap(last, n) {
		return
	}
	if err := l.table.DeleteOldest(ctx, Cap); err != nil {
		l.log.Warn("events that are too old are still there", "reason", err)
	}
}

// List is what the query chooses, newest first.
func (l *Log) List(ctx context.Context, q Query) ([]mesh.Event, error) {
	if q.Limit <= 0 {
		q.Limit = DefaultLimit
	}
	q.Limit = min(q.Limit, MaxLimit)
	out := []mesh.Event{}
	below := q.After
	for {
		items, err := l.table.Newest(ctx, below, q.Since, page)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if item.Err != nil {
				item.Value = unreadable(item.Key, item.Err)
			}
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

// unreadable stands in for an event that cannot be read: the others are told all the same.
func unreadable(id string, err error) mesh.Event {
	e := mesh.Event{ID: id, Kind: mesh.EventConfig, By: "sightline", Summary: "an event that cannot be read: " + err.Error()}
	if micros, bad := strconv.ParseInt(id[:min(len(id), idTime)], 16, 64); bad == nil {
		e.Time = time.UnixMicro(micros).UTC()
	}
	return e
}

func (q Query) fits(e mesh.Event) bool {
	return (q.Kind == "" || q.Kind == e.Kind) && (q.Service == "" || q.Service == e.Target.Service)
}
