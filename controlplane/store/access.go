package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

const (
	dialTimeout  = 5 * time.Second
	connectAgain = 500 * time.Millisecond
	// A member that is cut off without a word is noticed by the kernel: gRPC would not
	// look more often than every ten seconds, and what is watched would stand still.
	silent     = time.Second // until the first probe, and between probes
	unanswered = 2           // probes
	// mostRest is between two tries to reach a member: gRPC's own two minutes would keep a
	// control plane away from a cluster that is long there again.
	mostRest = 2 * time.Second
)

// Access is how an etcd cluster is reached. Its zero value asks for no TLS and no user.
type Access struct {
	CAFile            string // whose certificates the members must have; empty is the system's
	CertFile, KeyFile string // what this client shows
	User              string
	PasswordFile      string
}

// Validate names every fault at once.
func (a Access) Validate(endpoints []string) error {
	var bad []error
	if (a.CertFile == "") != (a.KeyFile == "") {
		bad = append(bad, errors.New("etcd-cert-file, etcd-key-file: give both or none"))
	}
	if (a.User == "") != (a.PasswordFile == "") {
		bad = append(bad, errors.New("etcd-user, etcd-password-file: give both or none"))
	}
	secret := a.User != "" || a.CertFile != "" || a.CAFile != ""
	if secret && len(endpoints) == 0 {
		bad = append(bad, errors.New("etcd: how to reach a cluster is given, but no cluster"))
	}
	for _, e := range endpoints {
		if secret && strings.HasPrefix(e, "http://") {
			bad = append(bad, fmt.Errorf("etcd: %s: want https:// where certificates or a user are given", e))
		}
	}
	return errors.Join(bad...)
}

// connect waits until the cluster answers, or ctx ends.
func connect(ctx context.Context, c Config) (*Store, error) {
	config, err := c.Access.client(c)
	if err != nil {
		return nil, err
	}
	for {
		s, err := dial(ctx, config, c.Logger)
		if err == nil {
			return s, nil
		}
		select {
		case <-time.After(connectAgain):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func dial(ctx context.Context, config clientv3.Config, log *slog.Logger) (*Store, error) {
	client, err := clientv3.New(config) // with a user it asks for a token
	if err != nil {
		return nil, err
	}
	s := &Store{client: client, log: log}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := s.Alive(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (a Access) client(c Config) (clientv3.Config, error) {
	if err := a.Validate(c.Endpoints); err != nil {
		return clientv3.Config{}, err
	}
	dialer := net.Dialer{
		Timeout:         dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silent, Interval: silent, Count: unanswered},
	}
	config := clientv3.Config{
		Endpoints: c.Endpoints, DialTimeout: dialTimeout, Logger: zapTo(c.Logger), Username: a.User,
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 3 * time.Second,
		DialOptions: []grpc.DialOption{
			grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
				return dialer.DialContext(ctx, "tcp", address)
			}),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: mostRest / 10, Multiplier: 1.6, Jitter: 0.2, MaxDelay: mostRest},
				MinConnectTimeout: mostRest,
			}),
		},
	}
	if a.User != "" {
		password, err := os.ReadFile(a.PasswordFile)
		if err != nil {
			return config, fmt.Errorf("etcd-password-file: %w", err)
		}
		config.Password = strings.TrimSpace(string(password))
	}
	var err error
	config.TLS, err = a.tls(c.Endpoints)
	return config, err
}

// tls is nil where no endpoint asks for it.
func (a Access) tls(endpoints []string) (*tls.Config, error) {
	wanted := a.CAFile != "" || a.CertFile != ""
	for _, e := range endpoints {
		wanted = wanted || strings.HasPrefix(e, "https://")
	}
	if !wanted {
		return nil, nil //nolint:nilnil // no TLS is what was asked for
	}
	info := transport.TLSInfo{CertFile: a.CertFile, KeyFile: a.KeyFile, TrustedCAFile: a.CAFile}
	config, err := info.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("etcd's TLS files: %w", err)
	}
	return config, nil
}

// Alive reports whether the store answers as of now, which more than half of its members
// must agree on.
func (s *Store) Alive(ctx context.Context) error {
	if _, err := s.client.Get(ctx, root, clientv3.WithKeysOnly()); err != nil {
		return fmt.Errorf("ask store: %w", err)
	}
	return nil
}
