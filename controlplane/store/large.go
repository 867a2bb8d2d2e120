package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// A commit that is too much for one step of etcd is first laid by, in parts, where nobody
// looks. Then one small step makes it: it stores what is pending, under the commit's guards.
// From then on it is settled, part by part, by who made it or by whoever needs to read: a
// commit that is pending cannot be lost, or stay half of itself, whoever is killed. Follow
// and Settled tell of nothing between.

const (
	largeOps   = 20_000           // of one commit
	largeBytes = 64 << 20         // of one commit
	forgotten  = 10 * time.Minute // what was laid by and not made is removed then
	settleRest = 2 * time.Second  // how long others leave it to who made a commit to settle it
)

// part is one change that was laid by.
type part struct {
	Key    string          `json:"key"`
	Value  json.RawMessage `json:"value,omitempty"` // none of one that removes
	Remove bool            `json:"remove,omitempty"`
}

func (p part) op() clientv3.Op {
	if p.Remove {
		return clientv3.OpDelete(p.Key)
	}
	return clientv3.OpPut(p.Key, string(p.Value))
}

// pending is a commit that was made and is not settled.
type pending struct {
	ID    string `json:"id"`
	Parts int    `json:"parts"`
}

const pendingKey = root + Pending + "/commit"

func partsOf(id string) string { return root + Staged + "/" + id + "/" }

func partKey(id string, n int) string { return partsOf(id) + fmt.Sprintf("%06d", n) }

// CommitLarge is Commit for what may be too much for one step: it is in force as a whole or
// not at all, for who reads by Follow or Settled. None of it may have a lease. When it
// returns without an error it is made; it may be still being settled.
func (s *Store) CommitLarge(ctx context.Context, guards []Guard, ops ...Op) error {
	err := s.Commit(ctx, guards, ops...)
	if !errors.Is(err, ErrTooMuch) {
		return err
	}
	if err := s.decide(ctx, guards, ops); err != nil {
		return err
	}
	_ = s.Settle(ctx) // it is made: who reads next goes on where this failed
	return nil
}

// decide makes a large commit, which is pending then.
func (s *Store) decide(ctx context.Context, guards []Guard, ops []Op) error {
	parts, marks, err := divide(ops)
	if err != nil {
		return err
	}
	id, err := s.layBy(ctx, parts)
	if err != nil {
		return err
	}
	made := append([]clientv3.Cmp{
		clientv3.Compare(clientv3.CreateRevision(pendingKey), "=", 0),
		clientv3.Compare(clientv3.CreateRevision(partKey(id, len(parts)-1)), ">", 0),
	}, guards...)
	raw, err := json.Marshal(pending{id, len(parts)})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	res, err := s.client.Txn(ctx).If(made...).Then(append(marks, clientv3.OpPut(pendingKey, string(raw)))...).Commit()
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if !res.Succeeded {
		_, _ = s.client.Delete(ctx, partsOf(id), clientv3.WithPrefix()) // else they are forgotten later
		return ErrConflict
	}
	return nil
}

// divide makes parts of a commit that any etcd takes in one step. Marks are not among them:
// they are stored when the commit is made, for others' guards to see.
func divide(ops []Op) (parts [][]part, marks []clientv3.Op, err error) {
	var now []part
	size, all := 0, 0
	for _, o := range ops {
		p := part{Key: o.key, Remove: o.remove}
		if !o.remove {
			if p.Value, err = json.Marshal(o.value); err != nil {
				return nil, nil, fmt.Errorf("write %s: %w", o.key, err)
			}
		}
		if strings.HasPrefix(o.key, root+Marks+"/") {
			marks = append(marks, p.op())
			continue
		}
		n := len(p.Key) + len(p.Value)
		if len(now) == loadOps || len(now) > 0 && size+n > loadBytes {
			parts, now, size = append(parts, now), nil, 0
		}
		now, size, all = append(now, p), size+n, all+n
	}
	if len(ops) > largeOps {
		return nil, nil, fmt.Errorf("%w: it stores %d values, and at most %d are stored at once", ErrTooMuch, len(ops), largeOps)
	}
	if all > largeBytes {
		return nil, nil, fmt.Errorf("%w: it stores %d MiB, and at most %d are stored at once", ErrTooMuch, all>>20, largeBytes>>20)
	}
	return append(parts, now), marks, nil
}

// layBy stores parts where they mean nothing yet. Each is stored only if the one before is
// there, so that all are when the last is.
func (s *Store) layBy(ctx context.Context, parts [][]part) (id string, err error) {
	if err := s.forget(ctx); err != nil {
		return "", err
	}
	id = fmt.Sprintf("%014x%s", time.Now().UnixMicro(), rand.Text()[:8])
	var there []clientv3.Cmp
	for n, p := range parts {
		raw, err := json.Marshal(p)
		if err != nil {
			return "", fmt.Errorf("commit: %w", err)
		}
		res, err := s.client.Txn(ctx).If(there...).Then(clientv3.OpPut(partKey(id, n), string(raw))).Commit()
		if err != nil {
			return "", s.commitError(err, 1)
		}
		if !res.Succeeded {
			return "", ErrConflict
		}
		there = []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(partKey(id, n)), ">", 0)}
	}
	return id, nil
}

// forget removes what was laid by long ago and is not pending.
func (s *Store) forget(ctx context.Context) error {
	if err := s.Settle(ctx); err != nil {
		return err
	}
	old := partsOf(fmt.Sprintf("%014x", time.Now().Add(-forgotten).UnixMicro()))
	absent := clientv3.Compare(clientv3.CreateRevision(pendingKey), "=", 0)
	if _, err := s.client.Txn(ctx).If(absent).Then(clientv3.OpDelete(partsOf("")[:len(partsOf(""))-1], clientv3.WithRange(old))).Commit(); err != nil {
		return fmt.Errorf("forget what was not committed: %w", err)
	}
	return nil
}

// Settle brings a commit that is pending to its end, if one is. Several may do it at once,
// and while the members elect a leader it tries again.
func (s *Store) Settle(ctx context.Context) error {
	for until := time.Now().Add(vacancy); ; {
		res, err := s.get(ctx, pendingKey)
		if err != nil {
			return fmt.Errorf("look for a pending commit: %w", err)
		}
		if len(res.Kvs) == 0 {
			return nil
		}
		var p pending
		if err := json.Unmarshal(res.Kvs[0].Value, &p); err != nil {
			return fmt.Errorf("read pending commit: %w: %w", ErrUnreadable, err)
		}
		still := clientv3.Compare(clientv3.ModRevision(pendingKey), "=", res.Kvs[0].ModRevision)
		err = s.settle(ctx, p, still)
		if err != nil && (!Away(err) || ctx.Err() != nil || time.Now().After(until)) {
			return fmt.Errorf("settle pending commit: %w", err)
		}
	}
}

// settle is over, too, when somebody else has brought it to its end.
func (s *Store) settle(ctx context.Context, p pending, still clientv3.Cmp) error {
	for n := range p.Parts {
		res, err := s.client.Txn(ctx).If(still).Then(clientv3.OpGet(partKey(p.ID, n))).Commit()
		if err != nil || !res.Succeeded {
			return err
		}
		kvs := res.Responses[0].GetResponseRange().GetKvs()
		if len(kvs) == 0 {
			return errors.New("part " + strconv.Itoa(n) + " of it is gone")
		}
		var parts []part
		if err := json.Unmarshal(kvs[0].Value, &parts); err != nil {
			return fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
		ops := make([]clientv3.Op, len(parts))
		for i, p := range parts {
			ops[i] = p.op()
		}
		if res, err = s.client.Txn(ctx).If(still).Then(ops...).Commit(); err != nil || !res.Succeeded {
			return err
		}
	}
	_, err := s.client.Txn(ctx).If(still).Then(clientv3.OpDelete(pendingKey), clientv3.OpDelete(partsOf(p.ID), clientv3.WithPrefix())).Commit()
	return err
}

// settled reads until no commit is pending in the revision that was read, each of which it
// brings to its end.
func (s *Store) settled(ctx context.Context, read func() (revision int64, err error)) error {
	for {
		revision, err := read()
		if err != nil {
			return err
		}
		is, err := s.isPending(ctx, revision)
		if err != nil || !is {
			return err
		}
		if err := s.Settle(ctx); err != nil {
			return err
		}
	}
}

// isPending reports whether a commit was pending in a revision.
func (s *Store) isPending(ctx context.Context, revision int64) (bool, error) {
	res, err := s.get(ctx, pendingKey, clientv3.WithRev(revision), clientv3.WithCountOnly())
	if err != nil {
		return false, fmt.Errorf("look for a pending commit: %w", err)
	}
	return res.Count > 0, nil
}

// Settled is Readable of a table that CommitLarge changes: with all of each commit, or
// nothing.
func (t Table[T]) Settled(ctx context.Context) (items []Item[T], unread []Unread, revision int64, err error) {
	err = t.s.settled(ctx, func() (int64, error) {
		items, unread, revision, err = t.Readable(ctx)
		return revision, err
	})
	if err != nil {
		return nil, nil, 0, err
	}
	return items, unread, revision, nil
}
