package pipeline

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// mostSpare is what of the queues' disk is left free for the store and everybody else;
	// of a small disk a twentieth.
	mostSpare = 128 << 20
	// retryAfter is when a sender may come again. Without it OTLP's senders drop what
	// is answered with RESOURCE_EXHAUSTED.
	retryAfter = 5 * time.Second
)

// room tells whether the disk takes more, before anything is put into a queue: a write
// that fails half-way costs more than one that is not begun.
type room struct {
	dir    string
	logger *slog.Logger
	tell   func(trouble string) // empty once it is over

	mu      sync.Mutex
	trouble string
	failed  time.Time // when a write last found no room
}

// check is nil where there is room, else what the sender is answered. The file system
// answers in a microsecond, so it is asked for every request.
func (r *room) check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(r.look(time.Now()))
	if r.trouble == "" {
		return nil
	}
	return later(codes.ResourceExhausted, errors.New(r.trouble))
}

// space is what of a directory's disk is free, and what should be.
func space(dir string) (free, spare uint64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, 0, fmt.Errorf("look at the file system of %s: %w", dir, err)
	}
	block := uint64(fs.Bsize)
	return fs.Bavail * block, min(mostSpare, fs.Blocks*block/20), nil
}

// look is why nothing more is taken, empty where it is.
func (r *room) look(now time.Time) string {
	free, spare, err := space(r.dir)
	switch {
	case err != nil:
		return "" // the write will tell
	case free < spare:
		return fmt.Sprintf("the queue's disk is full: %d MiB free, %d are kept free (%s)", free>>20, spare>>20, r.dir)
	case now.Sub(r.failed) < retryAfter: // a quota, say, that the file system does not tell of
		return fmt.Sprintf("the queue's disk takes no more (%s)", r.dir)
	}
	return ""
}

// wrote is told how a write ended.
func (r *room) wrote(err error) {
	if !isFull(err) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = time.Now()
	r.change(fmt.Sprintf("the queue's disk is full (%s)", r.dir))
}

// isFull reports whether a write failed for want of room.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// change tells what is new. The lock is held.
func (r *room) change(trouble string) {
	if (trouble == "") != (r.trouble == "") {
		if trouble != "" {
			r.logger.Error("telemetry is refused, its senders keep it", "reason", trouble)
		} else {
			r.logger.Info("telemetry is taken again", "after", r.trouble)
		}
	}
	if trouble != r.trouble {
		r.trouble = trouble
		r.tell(trouble)
	}
}

// later is err as an answer that asks the sender to keep what it sent, and when to come
// again: RetryInfo of gRPC, Retry-After of HTTP.
func later(code codes.Code, err error) error { return laterIn(retryAfter, code, err) }

// laterIn is later after some time.
func laterIn(wait time.Duration, code codes.Code, err error) error {
	s, failed := status.New(code, err.Error()).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	if failed != nil {
		return err
	}
	return s.Err()
}
