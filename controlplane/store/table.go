package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// The tables there are.
const (
	Authority = "authority" // the certificate authority's state, one value
	Leaves    = "leaves"    // certificates by serial number, each for as long as it is good
	Holders   = "holders"   // what each control plane knows of who holds certificates
	Tokens    = "tokens"    // grants by token id
	Instances = "instances" // by instance id, each with its lease
	Resources = "resources" // configuration by kind/namespace/name
	History   = "history"   // changes of it by number
	Verdicts  = "verdicts"  // by verdict id
	Events    = "events"    // by an id that sorts by time
	Traffic   = "traffic"   // former weights by service
	Settings  = "settings"  // of the mesh as a whole
	Streams   = "streams"   // which control plane has an instance's stream, by instance id
	Replicas  = "replicas"  // control planes, each with its lease
	Offices   = "offices"   // who leads, by office: etcd's elections
	Marks     = "marks"     // stored at each change of a table that is changed as a whole
	Epoch     = "epoch"     // names this store and no other
	Duties    = "duties"    // who does what one of several is to do, each with its lease
	Staged    = "staged"    // parts of a large commit
	Pending   = "pending"   // the large commit that is made and not settled
)

// Table holds values of one type by key, as JSON. The zero value is not usable.
type Table[T any] struct {
	s    *Store
	name string
}

// Item is a stored value.
type Item[T any] struct {
	Key      string
	Value    T
	Revision int64 // of its last change; grows over the whole store
	Created  int64 // the revision in which its key was made
	Lease    Lease // 0 is none
	Err      error // from Newest alone: why Value could not be read
}

// TableOf is the table of the given name.
func TableOf[T any](s *Store, name string) Table[T] { return Table[T]{s, name} }

// Get is the value of a key, ErrNotFound when there is none.
func (t Table[T]) Get(ctx context.Context, key string) (T, error) {
	item, err := t.Item(ctx, key)
	return item.Value, err
}

// Item is a value with what the store knows of it, ErrNotFound when there is none. With
// ErrUnreadable it has what the store knows, and what could be read of the value.
func (t Table[T]) Item(ctx context.Context, key string) (Item[T], error) {
	res, err := t.s.get(ctx, t.path(key))
	if err != nil {
		return Item[T]{}, fmt.Errorf("get %s %q: %w", t.name, key, err)
	}
	if len(res.Kvs) == 0 {
		return Item[T]{}, fmt.Errorf("get %s %q: %w", t.name, key, ErrNotFound)
	}
	return t.item(res.Kvs[0])
}

// List is every value in the order of their keys, and the store's revision at
// that moment.
func (t Table[T]) List(ctx context.Context) ([]Item[T], int64, error) {
	return t.ListAt(ctx, 0)
}

// ListAt is the same as it was at a revision not long ago, so that several tables
// can be read as of one moment. Revision 0 is now.
func (t Table[T]) ListAt(ctx context.Context, revision int64) ([]Item[T], int64, error) {
	res, err := t.s.get(ctx, t.path(""), clientv3.WithPrefix(), clientv3.WithRev(revision))
	if err != nil {
		return nil, 0, fmt.Errorf("list %s: %w", t.name, err)
	}
	items, err := t.items(res.Kvs)
	return items, res.Header.GetRevision(), err
}

// Unread is a value that is not of its table's type.
type Unread struct {
	Key      string
	Revision int64
	Raw      []byte
	Err      error
}

// Readable is List for who has to go on without the values that cannot be read: those are
// handed out apart.
func (t Table[T]) Readable(ctx context.Context) ([]Item[T], []Unread, int64, error) {
	res, err := t.s.get(ctx, t.path(""), clientv3.WithPrefix())
	if err != nil {
		return nil, nil, 0, fmt.Errorf("list %s: %w", t.name, err)
	}
	items := make([]Item[T], 0, len(res.Kvs))
	var unread []Unread
	for _, kv := range res.Kvs {
		item, err := t.item(kv)
		if err != nil {
			unread = append(unread, Unread{item.Key, item.Revision, kv.Value, err})
			continue
		}
		items = append(items, item)
	}
	return items, unread, res.Header.GetRevision(), nil
}

// Newest is up to limit values whose keys are below the given one (or any, when
// that is empty) and above the other, from the last key down. One that cannot be read is
// among them, with its Err.
func (t Table[T]) Newest(ctx context.Context, below, above string, limit int64) ([]Item[T], error) {
	end := clientv3.GetPrefixRangeEnd(t.path(""))
	if below != "" {
		end = t.path(below)
	}
	res, err := t.s.get(ctx, t.path(above)+"\x00", clientv3.WithRange(end), clientv3.WithLimit(limit),
		clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", t.name, err)
	}
	out := make([]Item[T], 0, len(res.Kvs))
	for _, kv := range res.Kvs {
		item, err := t.item(kv)
		item.Err = err
		out = append(out, item)
	}
	return out, nil
}

// Create stores a value under a key that has none, ErrExists when it has.
func (t Table[T]) Create(ctx context.Context, key string, v T) error {
	err := t.s.Commit(ctx, []Guard{t.Absent(key)}, t.Put(key, v))
	if err == ErrConflict { //nolint:errorlint // Commit returns it bare
		err = ErrExists
	}
	if err != nil {
		return fmt.Errorf("create %s %q: %w", t.name, key, err)
	}
	return nil
}

// GetOrCreate is the value of a key, made and stored first when there is none.
// Of several callers at once all get the same value.
func (t Table[T]) GetOrCreate(ctx context.Context, key string, produce func() (T, error)) (T, error) {
	for {
		v, err := t.Get(ctx, key)
		if err == nil || !isNotFound(err) {
			return v, err
		}
		if v, err = produce(); err != nil {
			return v, err
		}
		if err = t.Create(ctx, key, v); err == nil || !isExists(err) {
			return v, err
		}
	}
}

// Update replaces a value with what change makes of it, in one step; change may
// run more than once. An error of change is passed on and nothing is stored.
func (t Table[T]) Update(ctx context.Context, key string, change func(T) (T, error)) error {
	for {
		item, err := t.Item(ctx, key)
		if err != nil {
			return err
		}
		next, err := change(item.Value)
		if err != nil {
			return err
		}
		put := t.Put(key, next)
		put.lease = item.Lease
		err = t.s.Commit(ctx, []Guard{t.At(key, item.Revision)}, put)
		if err != ErrConflict { //nolint:errorlint // Commit returns it bare
			return err
		}
	}
}

// LastKey is the last key there is, "" for none.
func (t Table[T]) LastKey(ctx context.Context) (string, error) {
	res, err := t.s.client.Get(ctx, t.path(""), clientv3.WithPrefix(), clientv3.WithKeysOnly(), clientv3.WithLimit(1),
		clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	if err != nil {
		return "", fmt.Errorf("list %s: %w", t.name, err)
	}
	if len(res.Kvs) == 0 {
		return "", nil
	}
	return strings.TrimPrefix(string(res.Kvs[0].Key), t.path("")), nil
}

// DeleteOldest removes all values but the newest, by key, of the given number.
func (t Table[T]) DeleteOldest(ctx context.Context, keep int64) error {
	res, err := t.s.get(ctx, t.path(""), clientv3.WithPrefix(), clientv3.WithKeysOnly(), clientv3.WithLimit(keep+1),
		clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	if err != nil {
		return fmt.Errorf("trim %s: %w", t.name, err)
	}
	if int64(len(res.Kvs)) <= keep {
		return nil
	}
	return t.deleteUpTo(ctx, res.Kvs[keep]) // the newest of those to go
}

// sizedAtOnce is how many values KeepBytes reads at a time.
const sizedAtOnce = 50

// KeepBytes removes all values but the newest, by key, that are of so many bytes
// together. The newest one stays whatever its size.
func (t Table[T]) KeepBytes(ctx context.Context, keep int) error {
	end := clientv3.GetPrefixRangeEnd(t.path(""))
	for n := 0; ; {
		res, err := t.s.client.Get(ctx, t.path(""), clientv3.WithRange(end), clientv3.WithLimit(sizedAtOnce),
			clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
		if err != nil {
			return fmt.Errorf("trim %s: %w", t.name, err)
		}
		for _, kv := range res.Kvs {
			first := n == 0
			if n += len(kv.Value); n > keep && !first {
				return t.deleteUpTo(ctx, kv)
			}
			end = string(kv.Key)
		}
		if len(res.Kvs) < sizedAtOnce {
			return nil
		}
	}
}

// deleteUpTo removes a value and all whose keys are below.
func (t Table[T]) deleteUpTo(ctx context.Context, last *keyValue) error {
	if _, err := t.s.client.Delete(ctx, t.path(""), clientv3.WithRange(string(last.Key)+"\x00")); err != nil {
		return fmt.Errorf("trim %s: %w", t.name, err)
	}
	return nil
}

func (t Table[T]) path(key string) string { return root + t.name + "/" + key }

func (t Table[T]) items(kvs []*keyValue) ([]Item[T], error) {
	out := make([]Item[T], 0, len(kvs))
	for _, kv := range kvs {
		item, err := t.item(kv)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}

func (t Table[T]) item(kv *keyValue) (Item[T], error) {
	item := Item[T]{
		Key:      strings.TrimPrefix(string(kv.Key), t.path("")),
		Revision: kv.ModRevision,
		Created:  kv.CreateRevision,
		Lease:    Lease(kv.Lease),
	}
	if err := json.Unmarshal(kv.Value, &item.Value); err != nil {
		return item, fmt.Errorf("read %s %q: %w: %w", t.name, item.Key, ErrUnreadable, err)
	}
	return item, nil
}
