package store

import (
	"context"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const watchAgain = 200 * time.Millisecond

// Watch calls notify with the name of a table each time something in it changed,
// one call at a time, until ctx ends. It calls with "" when it may have missed
// changes: at the start and after it lost the store for a while. notify must not
// block.
func (s *Store) Watch(ctx context.Context, notify func(table string)) {
	for ctx.Err() == nil {
		s.watchOnce(ctx, notify)
		select {
		case <-ctx.Done():
		case <-time.After(watchAgain):
		}
	}
}

func (s *Store) watchOnce(ctx context.Context, notify func(table string)) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	changes := s.client.Watch(ctx, root, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	for res := range changes {
		if res.Created {
			notify("") // what changed before the watch stood
		}
		if res.Err() != nil {
			return
		}
		last := ""
		for _, e := range res.Events {
			table, _, _ := strings.Cut(strings.TrimPrefix(string(e.Kv.Key), root), "/")
			if table != last {
				notify(table)
				last = table
			}
		}
	}
}
