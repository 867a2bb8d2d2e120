package up

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sightline-mesh/sightline/cmd/sightline/supervise"
)

// predecessor waits for the children of a mesh that was killed: they are told to end when
// it dies, and until then they hold their directories and ports. One that has not ended
// in the time that children get is left to the new one to complain of.
type predecessor struct {
	locks  []string // files
	grace  time.Duration
	logger *slog.Logger
}

func (m *Mesh) predecessor() predecessor {
	p := predecessor{grace: supervise.DefaultGrace, logger: m.c.Logger}
	if m.store != nil {
		p.locks = append(p.locks, filepath.Join(m.c.Dir, "store", "lock"))
	}
	p.locks = append(p.locks, filepath.Join(m.c.Dir, "controlplane", "etcd", "lock")) // nobody's with an etcd cluster
	return p
}

// await returns when nobody holds the locks, or has had the grace, or ctx has ended.
func (p *predecessor) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.grace)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, path := range p.locks {
		for said := false; ; said = true {
			holder, held := heldBy(path)
			if !held {
				break
			}
			if !said && p.logger != nil {
				p.logger.Info("waiting for an earlier mesh's process to end", "process", holder, "lock", path, "at most", p.grace)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// heldBy tells whether a process holds a lock, and which if it says so. What cannot be
// told is left to whoever takes the lock.
func heldBy(path string) (process string, held bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer func() { _ = f.Close() }() // gives the lock back, if it was free
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		return "", false
	}
	return cmp.Or(ownerOf(f), "unknown"), true
}
