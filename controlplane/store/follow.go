package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const followAgain = 200 * time.Millisecond

// Change is what one value became.
type Change struct {
	Table    string
	Key      string
	Revision int64
	Created  int64 // the revision in which its key was made
	Removed  bool

	raw []byte
}

// Decode reads the value into v. A removed one has none.
func (c Change) Decode(v any) error {
	if err := json.Unmarshal(c.raw, v); err != nil {
		return fmt.Errorf("read %s %q: %w", c.Table, c.Key, err)
	}
	return nil
}

// Batch is what changed up to a revision: every revision is in one batch whole, and
// batches come in order.
type Batch struct {
	Whole    bool // Changes is all there is: what is not among it is no more
	Revision int64
	Seen     time.Time // when this process learnt of it
	Changes  []Change  // of the tables followed; none when others changed
}

// Follow tells of all that the tables hold, then of every change in them, one call at a
// time, until ctx ends. Where it may have missed something, and after a commit that took
// several steps, it tells of all again. tell must not block.
func (s *Store) Follow(ctx context.Context, tables []string, tell func(Batch)) {
	for ctx.Err() == nil {
		if s.followOnce(ctx, tables, tell) {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(followAgain):
		}
	}
}

// followOnce ends when the store is lost, with ctx, or when the revision to go on from
// has been forgotten; and when a large commit was settled, which it reports.
func (s *Store) followOnce(ctx context.Context, tables []string, tell func(Batch)) (settled bool) {
	whole, err := s.whole(ctx, tables)
	if err != nil {
		return false // the store is away; whoever reads or writes says so
	}
	tell(whole)
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	watch := s.client.Watch(ctx, root, clientv3.WithPrefix(), clientv3.WithRev(whole.Revision+1))
	for res := range watch {
		if res.Err() != nil {
			return false
		}
		b := Batch{Revision: res.Header.GetRevision(), Seen: time.Now()}
		for _, e := range res.Events {
			if string(e.Kv.Key) == pendingKey {
				return s.awaitSettled(ctx, watch)
			}
			b.Revision = e.Kv.ModRevision // the header may be ahead of what it carries
			if c, ok := changeOf(e, tables); ok {
				b.Changes = append(b.Changes, c)
			}
		}
		if len(res.Events) > 0 {
			tell(b)
		}
	}
	return false
}

// awaitSettled waits until a large commit is settled, and has it settled if that takes long.
func (s *Store) awaitSettled(ctx context.Context, watch clientv3.WatchChan) bool {
	late := time.After(settleRest)
	for {
		select {
		case res, ok := <-watch:
			if !ok || res.Err() != nil {
				return false
			}
			for _, e := range res.Events {
				if string(e.Kv.Key) == pendingKey && e.Type == clientv3.EventTypeDelete {
					return true
				}
			}
		case <-late:
			return s.Settle(ctx) == nil
		}
	}
}

// whole is all that the tables hold as of one revision, in which no commit is pending.
func (s *Store) whole(ctx context.Context, tables []string) (b Batch, err error) {
	err = s.settled(ctx, func() (int64, error) {
		b, err = s.wholeNow(ctx, tables)
		return b.Revision, err
	})
	if err != nil {
		return Batch{}, err
	}
	return b, nil
}

func (s *Store) wholeNow(ctx context.Context, tables []string) (Batch, error) {
	b := Batch{Whole: true}
	for _, t := range tables {
		res, err := s.get(ctx, root+t+"/", clientv3.WithPrefix(), clientv3.WithRev(b.Revision))
		if err != nil {
			return Batch{}, fmt.Errorf("list %s: %w", t, err)
		}
		if b.Revision == 0 {
			b.Revision = res.Header.GetRevision()
		}
		for _, kv := range res.Kvs {
			b.Changes = append(b.Changes, change(t, kv))
		}
	}
	b.Seen = time.Now()
	return b, nil
}

func changeOf(e *clientv3.Event, tables []string) (Change, bool) {
	table, _, _ := strings.Cut(strings.TrimPrefix(string(e.Kv.Key), root), "/")
	if !slices.Contains(tables, table) {
		return Change{}, false
	}
	c := change(table, e.Kv)
	c.Removed = e.Type == clientv3.EventTypeDelete
	return c, true
}

func change(table string, kv *keyValue) Change {
	return Change{
		Table: table, Key: strings.TrimPrefix(string(kv.Key), root+table+"/"),
		Revision: kv.ModRevision, Created: kv.CreateRevision, raw: kv.Value,
	}
}
