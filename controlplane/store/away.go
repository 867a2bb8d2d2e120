package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	askedAgain = 100 * time.Millisecond
	// vacancy is how long members that elect another leader are asked again: they need
	// little more than a second.
	vacancy = 4 * time.Second
)

// get reads. While the members elect a leader it asks again: a question may be asked twice.
func (s *Store) get(ctx context.Context, key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	for until := time.Now().Add(vacancy); ; {
		res, err := s.client.Get(ctx, key, options...)
		switch {
		case err == nil:
			return res, nil
		case !Away(err):
			return nil, err
		case ctx.Err() != nil || time.Now().After(until):
			return nil, fmt.Errorf("the store does not answer: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(askedAgain):
		}
	}
}

// Away reports whether an error says of the store only that it cannot answer now: it has
// no leader, elects one, or is not reached. What was asked may have been done.
func Away(err error) bool {
	if e, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		return e.Code() == codes.Unavailable
	}
	return status.Code(err) == codes.Unavailable
}
