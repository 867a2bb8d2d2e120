package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

type keyValue = mvccpb.KeyValue

// Op is one change of a Commit.
type Op struct {
	key    string
	value  any
	lease  Lease
	remove bool
}

// Guard is a condition of a Commit.
type Guard = clientv3.Cmp

// Put stores a value under a key.
func (t Table[T]) Put(key string, v T) Op { return Op{key: t.path(key), value: v} }

// PutLeased stores a value that is gone when its lease runs out.
func (t Table[T]) PutLeased(key string, v T, l Lease) Op {
	return Op{key: t.path(key), value: v, lease: l}
}

// Delete removes a key; one that is not there is no error.
func (t Table[T]) Delete(key string) Op { return Op{key: t.path(key), remove: true} }

// UnchangedSince holds while no value of the table was stored after revision. It does not
// see what was removed: see Mark.
func (t Table[T]) UnchangedSince(revision int64) Guard {
	return clientv3.Compare(clientv3.ModRevision(t.path("")).WithPrefix(), "<", revision+1)
}

// Mark is to be part of every change of a table whose values must fit each other.
func (t Table[T]) Mark() Op { return Op{key: t.mark(), value: struct{}{}} }

// UnmarkedSince holds while no Mark of the table was stored after revision.
func (t Table[T]) UnmarkedSince(revision int64) Guard {
	return clientv3.Compare(clientv3.ModRevision(t.mark()), "<", revision+1)
}

func (t Table[T]) mark() string { return root + Marks + "/" + t.name }

// Absent holds while a key has no value.
func (t Table[T]) Absent(key string) Guard {
	return clientv3.Compare(clientv3.CreateRevision(t.path(key)), "=", 0)
}

// At holds while a key has the value of a revision.
func (t Table[T]) At(key string, revision int64) Guard {
	return clientv3.Compare(clientv3.ModRevision(t.path(key)), "=", revision)
}

// Commit makes all changes in one step if every guard holds. It returns the bare
// ErrConflict when one does not.
func (s *Store) Commit(ctx context.Context, guards []Guard, ops ...Op) error {
	_, err := s.CommitAt(ctx, guards, ops...)
	return err
}

// ErrTooMuch is wrapped when the store does not make so many changes, or bytes of them, in
// one step. Nothing was changed.
var ErrTooMuch = errors.New("too much for one step")

// Rehearse is CommitLarge that changes nothing: it reports whether the store would take
// these changes.
func (s *Store) Rehearse(ctx context.Context, ops ...Op) error {
	err := s.rehearse(ctx, ops)
	if !errors.Is(err, ErrTooMuch) {
		return err
	}
	parts, _, err := divide(ops)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if len(p) == 1 { // it may be too large for any step
			if err := s.rehearse(ctx, []Op{{key: partKey("", 0), value: p}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) rehearse(ctx context.Context, ops []Op) error {
	never := clientv3.Compare(clientv3.Version(root), "<", 0)
	if err := s.Commit(ctx, []Guard{never}, ops...); err != ErrConflict { //nolint:errorlint // Commit returns it bare
		return err
	}
	return nil
}

// Small reports whether every store takes these changes in one step, as etcd is by default.
func Small(ops []Op) bool {
	bytes := 0
	for _, o := range ops {
		raw, err := json.Marshal(o.value)
		if bytes += len(raw) + len(o.key); err != nil || bytes > smallBytes {
			return false
		}
	}
	return len(ops) <= smallOps
}

// CommitAt is Commit that also tells the revision of what was stored.
func (s *Store) CommitAt(ctx context.Context, guards []Guard, ops ...Op) (int64, error) {
	list := make([]clientv3.Op, 0, len(ops))
	for _, op := range ops {
		o, err := op.etcd()
		if err != nil {
			return 0, fmt.Errorf("commit: %w", err)
		}
		list = append(list, o)
	}
	res, err := s.client.Txn(ctx).If(guards...).Then(list...).Commit()
	if err != nil {
		return 0, s.commitError(err, len(list))
	}
	if !res.Succeeded {
		return 0, ErrConflict
	}
	return res.Header.GetRevision(), nil
}

func (s *Store) commitError(err error, ops int) error {
	if errors.Is(err, rpctypes.ErrTooManyOps) || errors.Is(err, rpctypes.ErrRequestTooLarge) {
		return s.tooMuch(ops, err)
	}
	return fmt.Errorf("commit: %w", err)
}

// tooMuch says what the bound is, and whose.
func (s *Store) tooMuch(ops int, err error) error {
	if s.etcd == nil {
		return fmt.Errorf("%w: %w (of %d changes); want an etcd that is started with --max-txn-ops=%d --max-request-bytes=%d", ErrTooMuch, err, ops, commitOps, commitBytes)
	}
	if ops > commitOps {
		return fmt.Errorf("%w: it stores %d values, and at most %d are stored at once", ErrTooMuch, ops, commitOps)
	}
	return fmt.Errorf("%w: it stores more than %d MiB at once", ErrTooMuch, commitBytes>>20)
}

func (o Op) etcd() (clientv3.Op, error) {
	if o.remove {
		return clientv3.OpDelete(o.key), nil
	}
	raw, err := json.Marshal(o.value)
	if err != nil {
		return clientv3.Op{}, fmt.Errorf("write %s: %w", o.key, err)
	}
	var options []clientv3.OpOption
	if o.lease != 0 {
		options = append(options, clientv3.WithLease(clientv3.LeaseID(o.lease)))
	}
	return clientv3.OpPut(o.key, string(raw), options...), nil
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

func isExists(err error) bool { return errors.Is(err, ErrExists) }
