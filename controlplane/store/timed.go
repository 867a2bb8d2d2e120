package store

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Request is one request to etcd that has ended. A change that a guard kept from being
// made is no error: etcd has answered.
type Request struct {
	Operation string // get, put, delete, commit, grant, renew, revoke
	Took      time.Duration
	Err       error
}

// timed has observe told of every request from now on, those of elections too.
func (s *Store) timed(observe func(Request)) *Store {
	if observe != nil {
		s.client.KV = timedKV{s.client.KV, observe}
		s.client.Lease = timedLease{s.client.Lease, observe}
	}
	return s
}

func ended(observe func(Request), operation string, began time.Time, err error) {
	observe(Request{Operation: operation, Took: time.Since(began), Err: err})
}

type timedKV struct {
	clientv3.KV

	observe func(Request)
}

func (k timedKV) Get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	began := time.Now()
	res, err := k.KV.Get(ctx, key, opts...)
	ended(k.observe, "get", began, err)
	return res, err
}

func (k timedKV) Put(ctx context.Context, key, value string, opts ...clientv3.OpOption) (*clientv3.PutResponse, error) {
	began := time.Now()
	res, err := k.KV.Put(ctx, key, value, opts...)
	ended(k.observe, "put", began, err)
	return res, err
}

func (k timedKV) Delete(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.DeleteResponse, error) {
	began := time.Now()
	res, err := k.KV.Delete(ctx, key, opts...)
	ended(k.observe, "delete", began, err)
	return res, err
}

func (k timedKV) Txn(ctx context.Context) clientv3.Txn { return timedTxn{k.KV.Txn(ctx), k.observe} }

type timedTxn struct {
	clientv3.Txn

	observe func(Request)
}

func (t timedTxn) If(c ...clientv3.Cmp) clientv3.Txn { return timedTxn{t.Txn.If(c...), t.observe} }

func (t timedTxn) Then(o ...clientv3.Op) clientv3.Txn { return timedTxn{t.Txn.Then(o...), t.observe} }

func (t timedTxn) Else(o ...clientv3.Op) clientv3.Txn { return timedTxn{t.Txn.Else(o...), t.observe} }

func (t timedTxn) Commit() (*clientv3.TxnResponse, error) {
	began := time.Now()
	res, err := t.Txn.Commit()
	ended(t.observe, "commit", began, err)
	return res, err
}

// timedLease leaves KeepAlive out, which is a stream.
type timedLease struct {
	clientv3.Lease

	observe func(Request)
}

func (l timedLease) Grant(ctx context.Context, ttl int64) (*clientv3.LeaseGrantResponse, error) {
	began := time.Now()
	res, err := l.Lease.Grant(ctx, ttl)
	ended(l.observe, "grant", began, err)
	return res, err
}

func (l timedLease) KeepAliveOnce(ctx context.Context, id clientv3.LeaseID) (*clientv3.LeaseKeepAliveResponse, error) {
	began := time.Now()
	res, err := l.Lease.KeepAliveOnce(ctx, id)
	ended(l.observe, "renew", began, err)
	return res, err
}

func (l timedLease) Revoke(ctx context.Context, id clientv3.LeaseID) (*clientv3.LeaseRevokeResponse, error) {
	began := time.Now()
	res, err := l.Lease.Revoke(ctx, id)
	ended(l.observe, "revoke", began, err)
	return res, err
}
