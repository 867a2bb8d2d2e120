package journal

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// Config bounds a journal. Zero fields have the defaults named beside them.
type Config struct {
	SegmentBytes int64 // size at which a new file is begun; 64 MiB
}

var (
	// ErrClosed is the use of a journal after Close.
	ErrClosed = errors.New("journal is closed")
	// ErrBusy is a directory that another process, or another Journal, has open.
	ErrBusy = errors.New("somebody else has it open")
)

// place is where a value is.
type place struct {
	in *segment
	at int64
	n  int
}

// Journal is a durable map.
type Journal struct {
	cfg     Config
	dir     string
	lock    *os.File // the directory, claimed
	damaged int64

	mu       sync.Mutex // guards what follows
	values   map[string]place
	segments []*segment // the oldest first; the last one is written to
	record   []byte     // the one that is being made; kept for the next
	starts   []int64    // of its values
	applied  uint64     // records so far
	turn     bool       // the last segment is not to be written to any more
	behind   bool       // the last segment was read, and a new one is still to be begun
	closed   bool

	flush sync.Mutex // guards what follows; taken before mu
	safe  uint64     // records that are on disk
}

// Open reads the journal of a directory, which it makes if there is none. Bytes that a
// crash left half written are cut off; see Damaged.
func Open(dir string, cfg Config) (*Journal, error) {
	if cfg.SegmentBytes <= 0 {
		cfg.SegmentBytes = 64 << 20
	}
	j := &Journal{cfg: cfg, dir: dir, values: map[string]place{}}
	if err := j.load(); err != nil {
		return nil, fmt.Errorf("open journal %s: %w", dir, errors.Join(err, j.closeFiles()))
	}
	return j, nil
}

// Damaged is how many bytes at the ends of files could not be read when the journal was
// opened. After a crash it is the record that was being written; more than that are
// changes that are lost.
func (j *Journal) Damaged() int64 { return j.damaged }

// Get returns the value of a key, nil if it has none.
func (j *Journal) Get(key string) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	p, ok := j.values[key]
	if !ok {
		return nil, nil
	}
	value := make([]byte, p.n)
	if _, err := p.in.file.ReadAt(value, p.at); err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", key, p.in.path, err)
	}
	return value, nil
}

// Apply makes all changes, or none. Where it fails, as on a full disk, deletes are
// forgotten in memory all the same, which may free a file and with it the room that is
// missing; after a restart they may be undone.
func (j *Journal) Apply(ops ...Op) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	err := j.write(ops)
	if err != nil {
		for _, op := range ops {
			if op.Delete {
				j.note(op, place{})
			}
		}
		err = fmt.Errorf("write journal: %w", err)
	}
	return errors.Join(err, j.tidy())
}

// Sync returns when all that was applied before is on disk. Callers that come while the
// disk is busy share the next flush.
func (j *Journal) Sync() error {
	j.mu.Lock()
	want := j.applied
	j.mu.Unlock()
	j.flush.Lock()
	defer j.flush.Unlock()
	if j.safe >= want {
		return nil
	}
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	now, last := j.applied, j.segments[len(j.segments)-1] // begin has flushed those before
	j.mu.Unlock()
	err := last.file.Sync()
	if err != nil && !errors.Is(err, os.ErrClosed) { // closed: all of it was read, and is gone
		// The kernel may have dropped what it could not write, and a second try would not say
		// so: nothing more goes into this file.
		j.mu.Lock()
		j.turn = true
		j.mu.Unlock()
		return fmt.Errorf("flush journal: %w", err)
	}
	j.safe = now
	return nil
}

// Size is how many bytes the files hold, dead ones included.
func (j *Journal) Size() (n int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.segments {
		n += s.size
	}
	return n
}

// Close flushes and gives the files back. A second one does nothing.
func (j *Journal) Close() error {
	flushed := j.Sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	if err := errors.Join(flushed, j.closeFiles()); err != nil {
		return fmt.Errorf("close journal %s: %w", j.dir, err)
	}
	return nil
}
