package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	dumpPage  = 500
	loadOps   = 100       // in one step: etcd takes 128 if nothing else is said
	loadBytes = 1 << 20   // of one step: etcd takes 1.5 MiB if nothing else is said
	restoring = "restore" // a mark: there from the beginning of a restore until its end
)

// ErrRestoring is wrapped where a restore was begun and not finished.
var ErrRestoring = errors.New("a restore was not finished: do it again")

// Record is a stored value as it is.
type Record struct {
	Table string          `json:"table"`
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// Dump gives each value of the store as of one revision, which it returns, without those
// that a lease keeps: what they tell of is gone by the time they would be read.
func (s *Store) Dump(ctx context.Context, each func(Record) error) (int64, error) {
	from, end, revision := root, clientv3.GetPrefixRangeEnd(root), int64(0)
	for {
		res, err := s.get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(dumpPage), clientv3.WithRev(revision))
		if err != nil {
			return 0, fmt.Errorf("read store: %w", err)
		}
		if revision == 0 {
			revision = res.Header.GetRevision()
		}
		for _, kv := range res.Kvs {
			from = string(kv.Key) + "\x00"
			table, key, _ := strings.Cut(strings.TrimPrefix(string(kv.Key), root), "/")
			if kv.Lease != 0 {
				continue
			}
			if err := each(Record{table, key, kv.Value}); err != nil {
				return 0, err
			}
		}
		if !res.More {
			return revision, nil
		}
	}
}

// Holds names the tables of those given that hold anything.
func (s *Store) Holds(ctx context.Context, tables ...string) ([]string, error) {
	var out []string
	for _, t := range tables {
		res, err := s.get(ctx, root+t+"/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			return nil, fmt.Errorf("look into %s: %w", t, err)
		}
		if res.Count > 0 {
			out = append(out, t)
		}
	}
	return out, nil
}

// Restore puts records into the store, in place of all that is in it but the tables to
// keep. It is many steps: until the last is done, Restored says that it was not finished.
func (s *Store) Restore(ctx context.Context, keep []string, records []Record) error {
	tables, err := s.tables(ctx)
	if err != nil {
		return err
	}
	unfinished := root + Marks + "/" + restoring
	if _, err := s.client.Put(ctx, unfinished, "{}"); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for _, t := range tables {
		if t == Marks || slices.Contains(keep, t) {
			continue
		}
		if _, err := s.client.Delete(ctx, root+t+"/", clientv3.WithPrefix()); err != nil {
			return fmt.Errorf("restore: clear %s: %w", t, err)
		}
	}
	if err := s.load(ctx, records); err != nil {
		return err
	}
	if _, err := s.client.Delete(ctx, unfinished); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// Restored is ErrRestoring while a restore is under way or was not finished.
func (s *Store) Restored(ctx context.Context) error {
	res, err := s.get(ctx, root+Marks+"/"+restoring, clientv3.WithCountOnly())
	if err != nil {
		return fmt.Errorf("look for a restore: %w", err)
	}
	if res.Count > 0 {
		return ErrRestoring
	}
	return nil
}

// tables are all that there are, whether this program knows them or not.
func (s *Store) tables(ctx context.Context) ([]string, error) {
	var out []string
	from, end := root, clientv3.GetPrefixRangeEnd(root)
	for {
		res, err := s.get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(1), clientv3.WithKeysOnly())
		if err != nil {
			return nil, fmt.Errorf("list tables: %w", err)
		}
		if len(res.Kvs) == 0 {
			return out, nil
		}
		table, _, _ := strings.Cut(strings.TrimPrefix(string(res.Kvs[0].Key), root), "/")
		out = append(out, table)
		from = clientv3.GetPrefixRangeEnd(root + table + "/")
	}
}

// load stores records in steps that any etcd takes.
func (s *Store) load(ctx context.Context, records []Record) error {
	for len(records) > 0 {
		var ops []clientv3.Op
		for size := 0; len(records) > 0 && len(ops) < loadOps && (len(ops) == 0 || size+len(records[0].Value) <= loadBytes); records = records[1:] {
			r := records[0]
			size += len(r.Value)
			ops = append(ops, clientv3.OpPut(root+r.Table+"/"+r.Key, string(r.Value)))
		}
		if _, err := s.client.Txn(ctx).Then(ops...).Commit(); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	return nil
}
