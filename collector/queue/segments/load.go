package segments

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

func (l *Log) load() ([]Record, error) {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, err
	}
	if err := l.claim(); err != nil {
		return nil, err
	}
	numbers, err := firsts(l.dir)
	if err != nil {
		return nil, err
	}
	var all []Record
	for i, first := range numbers {
		found, err := l.loadSegment(first)
		if err == nil && i == len(numbers)-1 {
			found, err = l.cutOff(found)
			err = errors.Join(err, l.dropEmpty(first))
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	l.safe = l.next
	return all, nil
}

// dropEmpty removes the last segment where it has no record: the next one has its name.
func (l *Log) dropEmpty(first uint64) error {
	last := len(l.segments) - 1
	if l.segments[last].end != first {
		return nil
	}
	s := l.segments[last]
	l.segments = l.segments[:last]
	return s.remove()
}

// claim takes the directory for this process, until its end or Close.
func (l *Log) claim() error {
	var err error
	if l.lock, err = os.Open(l.dir); err != nil {
		return err
	}
	if err = syscall.Flock(int(l.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrBusy
	}
	return err
}

func (l *Log) loadSegment(first uint64) ([]Record, error) {
	path := segmentPath(l.dir, first)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &segment{file: f, path: path, end: max(first, l.next)}
	l.segments = append(l.segments, s)
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	all, damaged, err := s.scan(info.Size())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	l.damaged += damaged
	l.next = s.end
	return all, nil
}

// cutOff leaves out the records at the end of the last segment whose content is not there:
// the machine ended before it was on disk, and nobody was told that it is.
func (l *Log) cutOff(all []Record) ([]Record, error) {
	for len(all) > 0 {
		last := all[len(all)-1]
		whole, err := last.whole()
		if err != nil || whole {
			return all, err
		}
		l.damaged += int64(headSize + last.Size)
		all = all[:len(all)-1]
	}
	return all, nil
}

func (l *Log) closeFiles() error {
	var errs []error
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	for _, s := range l.segments {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}
