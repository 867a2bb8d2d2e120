package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Lease keeps values alive for as long as it is kept alive itself. Leases survive
// a restart of the store, which gives each its full time again.
type Lease int64

// Grant makes a lease that runs out after ttl, in whole seconds, when not kept.
func (s *Store) Grant(ctx context.Context, ttl time.Duration) (Lease, error) {
	res, err := s.client.Grant(ctx, int64((ttl+time.Second-1)/time.Second))
	if err != nil {
		return 0, fmt.Errorf("grant lease: %w", err)
	}
	return Lease(res.ID), nil
}

// Renew gives a lease its full time again, once. ErrLeaseGone when it has run out.
func (s *Store) Renew(ctx context.Context, l Lease) error {
	_, err := s.client.KeepAliveOnce(ctx, clientv3.LeaseID(l))
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return ErrLeaseGone
	}
	if err != nil {
		return fmt.Errorf("renew lease: %w", err)
	}
	return nil
}

// Keep keeps a lease alive until ctx ends, which is no error. ErrLeaseGone when
// the lease has run out all the same.
func (s *Store) Keep(ctx context.Context, l Lease) error {
	kept, err := s.client.KeepAlive(ctx, clientv3.LeaseID(l))
	if err != nil {
		return fmt.Errorf("keep lease: %w", err)
	}
	for range kept { // ends with ctx, with the lease, or when the store does not answer for its whole time
	}
	if ctx.Err() == nil {
		return ErrLeaseGone
	}
	return nil
}

// Revoke ends a lease and removes what it kept alive, in one step. One that has
// run out is no error.
func (s *Store) Revoke(ctx context.Context, l Lease) error {
	_, err := s.client.Revoke(ctx, clientv3.LeaseID(l))
	if err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return fmt.Errorf("revoke lease: %w", err)
	}
	return nil
}
