package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// ErrSetBack is wrapped when the store is not the one any more that it was, or goes on from
// a state of before, as an etcd does that was restored from a snapshot.
var ErrSetBack = errors.New("the store was set back under this process")

const lookBack = 2 * time.Second

// AwaitSetBack returns ErrSetBack when the store was set back, and nil when ctx ends. Who
// follows the store does not notice: it waits for revisions that are yet to come again, and
// hears nothing of what changes until then. Nothing that this process knows counts any more.
func (s *Store) AwaitSetBack(ctx context.Context) error {
	var cluster uint64
	var newest int64
	tick := time.NewTicker(lookBack)
	defer tick.Stop()
	for {
		res, err := s.client.Get(ctx, root, clientv3.WithKeysOnly())
		if err == nil { // who reads and writes says of a store that is away
			h := res.Header
			switch {
			case cluster != 0 && h.GetClusterId() != cluster:
				return fmt.Errorf("%w: it is another cluster, %x and not %x", ErrSetBack, h.GetClusterId(), cluster)
			case h.GetRevision() < newest:
				return fmt.Errorf("%w: from revision %d to %d", ErrSetBack, newest, h.GetRevision())
			}
			cluster, newest = h.GetClusterId(), h.GetRevision()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
