package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

func (j *Journal) load() error {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	if err := j.claim(); err != nil {
		return err
	}
	all, err := numbers(j.dir)
	if err != nil {
		return err
	}
	for _, n := range all {
		if err := j.loadSegment(n); err != nil {
			return err
		}
	}
	// What is cut off is never written behind. On a full disk the new segment waits for the
	// first write that there is room for: what is here can be read until then.
	if err := j.begin(); err != nil {
		if len(j.segments) == 0 || !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		j.behind = true
	}
	return nil
}

// claim takes the directory for this process, until its end or Close.
func (j *Journal) claim() error {
	var err error
	if j.lock, err = os.Open(j.dir); err != nil {
		return err
	}
	if err = syscall.Flock(int(j.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrBusy
	}
	return err
}

func (j *Journal) loadSegment(number uint64) error {
	path := segmentPath(j.dir, number)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	s := &segment{file: f, path: path, number: number}
	j.segments = append(j.segments, s)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	rest, err := s.scan(info.Size(), func(op Op, at int64) { j.note(op, place{s, at, len(op.Value)}) })
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	j.damaged += rest
	return nil
}

// begin makes a new last segment; what is in the one before is on disk then, and nothing
// else. The lock is held, or not needed yet.
func (j *Journal) begin() error {
	var number uint64
	var last *segment
	if n := len(j.segments); n > 0 {
		last = j.segments[n-1]
		if err := errors.Join(last.file.Truncate(last.size), last.file.Sync()); err != nil && !j.turn {
			return err
		}
		number = last.number + 1
	}
	s, err := createSegment(j.dir, number)
	if err != nil {
		return err
	}
	j.segments = append(j.segments, s)
	j.behind = false
	if !j.turn {
		return nil
	}
	j.turn = false
	return j.move(last)
}

// tidy removes the oldest segments as far as nothing in them is alive. The lock is held.
func (j *Journal) tidy() error {
	for len(j.segments) > 1 && j.segments[0].live == 0 {
		if err := j.segments[0].remove(); err != nil {
			return fmt.Errorf("remove what was read: %w", err)
		}
		j.segments = j.segments[1:]
	}
	return j.compact()
}

// compact writes what lives in the oldest segment anew where most of the journal is dead:
// one value that nobody fetches would else keep all that came after it. The lock is held.
func (j *Journal) compact() error {
	const spare = 4 // segments that may be dead but for the oldest
	if len(j.segments) <= spare || j.alive() > len(j.segments)/2 {
		return nil
	}
	return j.move(j.segments[0])
}

// Shrink gives back the room of the last file where next to nothing in it is alive, which
// it writes anew. Else that file goes when it is full, which on a full disk it never is.
func (j *Journal) Shrink() error {
	const worthwhile = 1 << 20
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	last := j.segments[len(j.segments)-1]
	if last.size < worthwhile || j.living(last) > last.size/8 {
		return nil
	}
	if err := j.begin(); err != nil {
		return fmt.Errorf("shrink journal: %w", err)
	}
	return errors.Join(j.move(last), j.tidy())
}

// living is how many bytes of a segment are values that are alive. The lock is held.
func (j *Journal) living(in *segment) (n int64) {
	for _, p := range j.values {
		if p.in == in {
			n += int64(p.n)
		}
	}
	return n
}

// alive is how many segments hold a value. The lock is held.
func (j *Journal) alive() (n int) {
	for _, s := range j.segments {
		if s.live > 0 {
			n++
		}
	}
	return n
}

func (j *Journal) closeFiles() error {
	var errs []error
	if j.lock != nil {
		errs = append(errs, j.lock.Close())
	}
	for _, s := range j.segments {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}
