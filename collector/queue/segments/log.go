package segments

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
	"time"
)

// Config bounds a log. Zero fields have the defaults named beside them.
type Config struct {
	SegmentBytes int64 // size at which a new file is begun; 32 MiB
}

var (
	// ErrClosed is the use of a log after Close.
	ErrClosed = errors.New("queue is closed")
	// ErrBusy is a directory that another process, or another Log, has open.
	ErrBusy = errors.New("somebody else has it open")
)

// worthwhile is the size from which a file that new records may still go into is removed
// when all in it is done with.
const worthwhile = 1 << 20

// Log is the records of a directory. It is safe for concurrent use.
type Log struct {
	cfg     Config
	dir     string
	lock    *os.File // the directory, claimed
	damaged int64

	mu       sync.Mutex // guards what follows
	segments []*segment // the oldest first
	writable bool       // the last segment takes more records
	next     uint64     // record's number
	record   []byte     // the one that is being made; kept for the next
	safe     uint64     // records below are on disk, but those that are lost
	lost     struct {   // records that a flush failed for
		from, to uint64
		why      error
	}
	closed bool

	flush sync.Mutex // held while the disk is busy; taken before mu
}

// Open reads where the records of a directory are, which it makes if there is none. What a
// crash left half written at the end is cut off. It needs no room on the disk.
func Open(dir string, cfg Config) (*Log, []Record, error) {
	if cfg.SegmentBytes <= 0 {
		cfg.SegmentBytes = 32 << 20
	}
	l := &Log{cfg: cfg, dir: dir}
	all, err := l.load()
	if err != nil {
		return nil, nil, fmt.Errorf("open queue %s: %w", dir, errors.Join(err, l.closeFiles()))
	}
	return l, all, nil
}

// Damaged is how many bytes were of no record when the log was opened. After a crash it is
// the record that was being written; more than that are records that are lost.
func (l *Log) Damaged() int64 { return l.damaged }

// Next is the number of the next record.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Skip sees to it that no record has a number below next from now on.
func (l *Log) Skip(next uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = max(l.next, next)
}

// Append writes a record with the next number, whole or not at all.
func (l *Log) Append(content []byte, items int, arrival time.Time) (Record, error) {
	if len(content) > maxContent {
		return Record{}, fmt.Errorf("write record: %d bytes are more than %d", len(content), maxContent)
	}
	r := Record{Arrival: arrival, Items: items, Size: len(content), Checksum: crc32.Checksum(content, castagnoli)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return Record{}, ErrClosed
	}
	if err := l.add(&r, content); err != nil {
		return Record{}, fmt.Errorf("write record: %w", err)
	}
	return r, nil
}

// Sync returns when a record and all before it are on disk. Callers that come while the
// disk is busy share the next flush.
func (l *Log) Sync(r Record) error { return l.sync(r.Number + 1) }

// Read gives a record's content; ErrDamaged where it is not what was written.
func (*Log) Read(r Record) ([]byte, error) { return r.read() }

// Trim gives back the files that hold no record from a number on.
func (l *Log) Trim(from uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.segments) > 0 && !l.closed {
		s := l.segments[0]
		if s.end > from || len(l.segments) == 1 && l.writable && s.size < worthwhile {
			break
		}
		if len(l.segments) == 1 {
			l.writable = false
		}
		l.segments = l.segments[1:]
		if err := s.remove(); err != nil {
			return fmt.Errorf("remove what is done with: %w", err)
		}
	}
	return nil
}

// Close flushes and gives the files back. A second one does nothing.
func (l *Log) Close() error {
	flushed := l.sync(l.Next())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if err := errors.Join(flushed, l.closeFiles()); err != nil {
		return fmt.Errorf("close queue %s: %w", l.dir, err)
	}
	return nil
}

// sync returns when all records below a number are on disk.
func (l *Log) sync(below uint64) error {
	l.flush.Lock()
	defer l.flush.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case below > l.lost.from && below <= l.lost.to:
		return l.lost.why
	case below <= l.safe:
		return nil
	case l.closed:
		return ErrClosed
	case len(l.segments) == 0: // all is done with, and gone
		l.safe = l.next
		return nil
	}
	next, last := l.next, l.segments[len(l.segments)-1] // those before were flushed when it was begun
	l.mu.Unlock()
	err := last.file.Sync()
	l.mu.Lock()
	if err != nil && !errors.Is(err, os.ErrClosed) { // closed: as above
		return l.giveUp(err)
	}
	l.safe = max(l.safe, next)
	return nil
}

// giveUp is called where a flush failed: the kernel may have dropped what it could not
// write, and a second try would not say so. Nothing more goes into the last file, and
// nobody is told that theirs is safe. The lock is held.
func (l *Log) giveUp(err error) error {
	l.writable = false
	l.lost.from, l.lost.to, l.lost.why = l.safe, l.next, fmt.Errorf("flush queue: %w", err)
	return l.lost.why
}

// add writes a record and notes where it is. The lock is held.
func (l *Log) add(r *Record, content []byte) error {
	s, err := l.tail(int64(headSize + len(content)))
	if err != nil {
		return err
	}
	r.Number = l.next
	var b [headSize]byte
	putHead(b[:], *r)
	l.record = append(append(l.record[:0], b[:]...), content...)
	_, err = s.file.WriteAt(l.record, s.size)
	const keep = 4 << 20
	if cap(l.record) > keep {
		l.record = nil
	}
	if err != nil {
		return errors.Join(err, s.file.Truncate(s.size))
	}
	r.in, r.at = s, s.size+headSize
	s.size += int64(headSize + len(content))
	l.next++
	s.end = l.next
	return nil
}

// tail is the segment that takes so many bytes more. The lock is held.
func (l *Log) tail(n int64) (*segment, error) {
	var last *segment
	if len(l.segments) > 0 {
		last = l.segments[len(l.segments)-1]
		if l.writable && (last.size == int64(len(magic)) || last.size+n <= l.cfg.SegmentBytes) {
			return last, nil
		}
	}
	if l.writable {
		if err := last.file.Sync(); err != nil {
			return nil, l.giveUp(err)
		}
		l.safe = l.next
	}
	s, err := createSegment(l.dir, l.next)
	if err != nil {
		return nil, err
	}
	l.segments = append(l.segments, s)
	l.writable = true
	return s, nil
}
