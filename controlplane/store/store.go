// Package store keeps the control plane's state in etcd: configuration, instances
// with their leases, verdicts, events, join tokens and the certificate authority.
//
// By default etcd runs inside this process on a directory, listens on nothing and
// is spoken to through its own client. As one member of several it listens to the
// others, in mutual TLS; with endpoints given, the same code speaks to a cluster.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"golang.org/x/sys/unix"
)

// Errors that callers act on.
var (
	ErrNotFound  = errors.New("not found")
	ErrExists    = errors.New("exists already")
	ErrConflict  = errors.New("changed by someone else meanwhile")
	ErrLeaseGone = errors.New("lease has run out")
	ErrInUse     = errors.New("another process is using it")
	// ErrUnreadable is wrapped when a value is not of its table's type: a program of another
	// version stored it, or a hand.
	ErrUnreadable = errors.New("it cannot be read")
)

const (
	root        = "/sightline/"
	dataDir     = "data"  // etcd's own, in ours
	quota       = 1 << 30 // bytes; the state of a mesh is megabytes
	keepHistory = "1000"  // revisions; we keep history of our own where it matters
	commitOps   = 2048    // changes in one Commit: a manifest of many resources is one
	commitBytes = 8 << 20 // of one Commit: a manifest and its audit
	smallOps    = 100     // of one Commit that any etcd takes
	smallBytes  = 1 << 20
	tick        = 50  // ms; one member elects itself, so it need not wait long
	election    = 250 // ms
)

// Config says where the state is.
type Config struct {
	// Dir holds the embedded etcd's files, readable by their owner alone. It is
	// made when it is not there.
	Dir string
	// Member makes the embedded etcd one of several.
	Member Member
	// Endpoints are those of an etcd cluster to use instead.
	Endpoints []string
	// Access is how they are reached.
	Access Access
	// Observe is told of every request that etcd has answered or not, from any goroutine;
	// nil is nobody.
	Observe func(Request)
	// Logger gets etcd's warnings; nil is silence.
	Logger *slog.Logger
}

// Store is the state of one mesh. Its methods may be called from any goroutine.
type Store struct {
	client *clientv3.Client
	log    *slog.Logger
	etcd   *embed.Etcd // nil with a cluster
	lock   *os.File    // of the embedded etcd's directory
}

// Open starts the embedded etcd and waits until it serves, or connects to the
// cluster. It ends early when ctx does. A directory that another process holds is
// refused with ErrInUse.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if len(c.Endpoints) > 0 {
		s, err := connect(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("open store at %v: %w", c.Endpoints, err)
		}
		return s.timed(c.Observe), nil
	}
	s, err := start(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open store in %s: %w", c.Dir, err)
	}
	return s.timed(c.Observe), nil
}

func start(ctx context.Context, c Config) (*Store, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDir(c.Dir) // etcd itself would wait for its own lock without end
	if err != nil {
		return nil, err
	}
	config, err := settings(c)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	e, err := embed.StartEtcd(config)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	select {
	case <-e.Server.ReadyNotify():
		s := &Store{client: v3client.New(e.Server), log: c.Logger, etcd: e, lock: lock}
		if err = s.own(ctx, c); err == nil {
			return s, nil
		}
		return nil, errors.Join(err, s.Close())
	case err = <-e.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	e.Close()
	return nil, errors.Join(err, lock.Close())
}

// lockDir holds a directory until the file is closed or the process has ended,
// however it ended.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrInUse, err), f.Close())
	}
	return f, nil
}

func settings(c Config) (*embed.Config, error) {
	e := embed.NewConfig()
	e.Dir = filepath.Join(c.Dir, dataDir)
	e.Name = "sightline"
	e.InitialCluster = e.Name + "=" + e.AdvertisePeerUrls[0].String() // names the one member; never dialled
	e.ListenPeerUrls, e.ListenClientUrls = nil, nil
	e.TickMs, e.ElectionMs = tick, election
	e.QuotaBackendBytes = quota
	e.MaxTxnOps, e.MaxRequestBytes = commitOps, commitBytes
	e.AutoCompactionMode, e.AutoCompactionRetention = embed.CompactorModeRevision, keepHistory
	e.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zapTo(c.Logger))
	if c.Member.Name == "" {
		return e, nil
	}
	return e, c.Member.join(e)
}

// Close ends the embedded etcd with everything on disk, or lets go of the cluster.
func (s *Store) Close() error {
	err := s.client.Close()
	if errors.Is(err, context.Canceled) { // closing is what cancels
		err = nil
	}
	if s.etcd != nil {
		s.etcd.Close()
		err = errors.Join(err, s.lock.Close())
	}
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Failed yields the error that ended the embedded etcd, should it end by itself.
// It is nil with a cluster.
func (s *Store) Failed() <-chan error {
	if s.etcd == nil {
		return nil
	}
	return s.etcd.Err()
}

// Size is how many bytes the embedded etcd takes on disk, and how many it may at most:
// at that it takes no change any more. ok is false with a cluster, which says so itself.
func (s *Store) Size() (bytes, most int64, ok bool) {
	if s.etcd == nil {
		return 0, 0, false
	}
	return s.etcd.Server.Backend().Size(), quota, true
}

// own removes who led and who was there before: nobody else can be on a directory that
// this process holds, and nobody need wait for their leases.
func (s *Store) own(ctx context.Context, c Config) error {
	if c.Member.Name != "" {
		return nil
	}
	for _, table := range []string{Offices, Replicas, Duties} {
		if _, err := s.client.Delete(ctx, root+table+"/", clientv3.WithPrefix()); err != nil {
			return fmt.Errorf("forget %s of before: %w", table, err)
		}
	}
	return nil
}
