// Package store is the durable store of the mesh on one machine: the embedded
// ClickHouse engine behind ClickHouse's HTTP interface, on loopback or a Unix socket.
//
// It runs in a process of its own, because the engine can be neither restarted in a
// process nor shared by two. Whoever holds a connection string to a ClickHouse server
// can take that instead: the rest of the mesh does not see the difference.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/collector/store/chhttp"
	"github.com/sightline-mesh/sightline/collector/store/cold"
	"github.com/sightline-mesh/sightline/collector/store/damage"
	"github.com/sightline-mesh/sightline/collector/store/dedup"
	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// DefaultListen is where the store listens unless told otherwise: ClickHouse's port.
const DefaultListen = "127.0.0.1:8123"

// grace is how long statements and the engine get to end.
const grace = 10 * time.Second

// Config says how a store runs.
type Config struct {
	Dir         string // all it keeps; made if missing
	Listen      string // host:port, or unix:/path of a socket for this user alone; "" is DefaultListen
	Remote      bool   // Listen may be other than loopback, with a password and a certificate
	Plaintext   bool   // … and without a certificate
	TLSCert     string // PEM files of what the store proves itself with, everywhere it listens;
	TLSKey      string // none is plaintext
	Library     string // path of libchdb.so; "" is engine.FindLibrary's
	User        string // "" is "default"
	Password    string
	MemoryLimit int64       // bytes for the engine; 0 is 2 GiB
	SyncInserts bool        // inserts survive a loss of power, not of the process alone
	Cold        cold.Config // where what is old goes; see engine.Tiered
	Logger      *slog.Logger

	// Ready is called once with the address when statements are accepted.
	Ready func(net.Addr)
}

// Run serves the store until ctx ends, then waits for running statements (10 s at
// most) and stops the engine. It may be called once in a process's life. A directory
// that another process uses is a *BusyError, a missing engine an
// *engine.LibraryError.
func Run(ctx context.Context, c Config) error {
	if err := c.access(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("make store directory: %w", err)
	}
	unlock, err := lock(filepath.Join(c.Dir, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	old, err := cold.Settle(c.Cold, c.Dir)
	if err != nil {
		return err
	}
	if c.Library == "" {
		if c.Library, err = engine.FindLibrary(); err != nil {
			return err
		}
	}
	l, err := c.bind(ctx)
	if err != nil {
		return err
	}
	e, err := c.open(ctx, old)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	c.Logger.InfoContext(ctx, "store is ready", "address", l.Addr().String(), "engine", e.Version(), "directory", c.Dir)
	if c.Ready != nil {
		c.Ready(l.Addr())
	}
	return serve(ctx, c, e, old, l)
}

// open boots the engine, with the cold disk if there is one.
func (c Config) open(ctx context.Context, old *cold.Disk) (*engine.Engine, error) {
	ec := engine.Config{Library: c.Library, Dir: filepath.Join(c.Dir, "engine"), MemoryLimit: c.MemoryLimit, SyncInserts: c.SyncInserts}
	data := []string{ec.DataDir()}
	if old != nil {
		if err := old.Begin(); err != nil {
			return nil, err
		}
		ec.Cold = old.Engine()
		data = append(data, old.Tables(ec.DataDir()))
	}
	mend(ctx, c.Logger, data)
	e, err := engine.Open(ec)
	if old == nil || err != nil {
		if old != nil {
			err = errors.Join(err, old.Away(ctx))
		}
		return e, err
	}
	if err := old.Used(); err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	return e, nil
}

// mend has the engine forget blocks that it was killed over. What cannot be mended is told
// of and left to the engine, which starts with it: a retry may then be lost or stored twice.
func mend(ctx context.Context, log *slog.Logger, data []string) {
	forgotten, err := dedup.Mend(data[0], data[1:]...)
	if err != nil {
		log.ErrorContext(ctx, "deduplication logs are left as they are", "error", err)
	}
	if forgotten > 0 {
		log.InfoContext(ctx, "forgot blocks that the engine was killed over; their senders' next try stores them", "blocks", forgotten)
	}
}

// serve answers until ctx ends. The engine stops last: statements may still be
// writing while the listener drains.
func serve(ctx context.Context, c Config, e *engine.Engine, old *cold.Disk, l net.Listener) error {
	watch := damage.New(e, c.Logger)
	if old != nil {
		watch.Cold = old.There
	}
	srv := &http.Server{
		Handler:           chhttp.New(e, chhttp.Config{User: c.User, Password: c.Password, Failed: watch.Met, Logger: c.Logger}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       5 * time.Minute,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn),
	}
	g, alive := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve store: %w", err)
		}
		return nil
	})
	g.Go(func() error { watch.Run(alive); return nil })
	if old != nil {
		g.Go(func() error { old.Guard(alive, e, c.Logger); return nil })
	}
	if old != nil && old.Leaving() {
		g.Go(func() error { old.Recall(alive, e, c.Logger); return nil })
	}
	g.Go(func() error {
		<-alive.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if srv.Shutdown(drain) != nil {
			return srv.Close() // cancels the statements that still run
		}
		return nil
	})
	err := g.Wait()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return errors.Join(err, e.Close(stop))
}
