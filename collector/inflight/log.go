package inflight

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A batch's file has its name; that of one that is over holds its parts' hashes alone.
const (
	overSuffix  = ".over"
	draftSuffix = ".draft"
)

// keptOver is how many batches that are over are remembered: the queue forgets a batch's
// telemetry a moment after it is over, and a kill may come between.
const keptOver = 64

// Log is the batches of one queue. A directory is one Log's at a time. It is safe for
// concurrent use.
type Log struct {
	dir string

	mu     sync.Mutex
	parts  map[string][]uint64 // of what this process sends, and of what is left, by name
	over   []string            // this process's latest that are over, oldest first
	left   []string            // what an earlier process was sending
	former map[uint64]bool     // parts that an earlier process sent
	ended  []string            // an earlier process's that are over
	items  int                 // until former is forgotten

	damaged int
}

// Open reads what an earlier process left. Its parts are looked for in the next items that
// Passed tells of: as many as the queue can hold.
func Open(dir string, items int) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for batches in flight: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list batches in flight: %w", err)
	}
	l := &Log{dir: dir, parts: map[string][]uint64{}, former: map[uint64]bool{}, items: items}
	for _, e := range entries {
		if err := l.find(e.Name()); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Damaged is how many batches could not be read. What the queue has of them may be stored
// twice.
func (l *Log) Damaged() int { return l.damaged }

// Left names the batches that an earlier process was sending: to be sent again before any
// other, and told to be Over then, or Lost where it cannot be.
func (l *Log) Left() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.left)
}

// Content is a batch that is left.
func (l *Log) Content(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		return nil, fmt.Errorf("read batch in flight: %w", err)
	}
	return b, nil
}

// Begin writes a batch that is about to be sent, once. It survives the end of the process,
// not the machine's: no more does what a store has acknowledged without a flush.
func (l *Log) Begin(name string, content []byte, parts []uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.parts[name]; again {
		return nil
	}
	if err := l.write(name, content); err != nil {
		return fmt.Errorf("remember batch in flight: %w", err)
	}
	l.parts[name] = parts
	return nil
}

// Over is told that a batch is stored, or never will be: its telemetry may leave the queue.
func (l *Log) Over(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	parts, known := l.parts[name]
	if !known {
		return nil // there was no room to remember it
	}
	delete(l.parts, name)
	var b []byte
	for _, p := range parts {
		b = binary.LittleEndian.AppendUint64(b, p)
	}
	err := errors.Join(l.write(name+overSuffix, b), l.remove(name))
	if at := slices.Index(l.left, name); at >= 0 {
		l.left = slices.Delete(l.left, at, at+1)
		l.ended = append(l.ended, name)
		return err
	}
	l.over = append(l.over, name)
	if len(l.over) > keptOver {
		err = errors.Join(err, l.remove(l.over[0]+overSuffix))
		l.over = l.over[1:]
	}
	return err
}

// Lost is told that a batch that is left cannot be sent: its parts are sent as the queue
// gives them.
func (l *Log) Lost(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.parts[name] {
		delete(l.former, p)
	}
	delete(l.parts, name)
	l.left = slices.DeleteFunc(l.left, func(n string) bool { return n == name })
	return l.remove(name)
}

// Sent reports whether an earlier process sent a part, which the store has by now.
func (l *Log) Sent(part uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.former[part]
}

// Passed is told how many items of the queue were stored. When all that an earlier process
// left in it must have come by, what that sent is forgotten.
func (l *Log) Passed(items int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.items -= items; l.items > 0 || len(l.left) > 0 || len(l.ended) == 0 {
		return nil
	}
	clear(l.former)
	var bad []error
	for _, name := range l.ended {
		bad = append(bad, l.remove(name+overSuffix))
	}
	l.ended = nil
	return errors.Join(bad...)
}

// write puts a file in place, whole or not at all.
func (l *Log) write(file string, b []byte) error {
	path := filepath.Join(l.dir, file)
	if err := os.WriteFile(path+draftSuffix, b, 0o600); err != nil {
		return errors.Join(err, l.remove(file+draftSuffix))
	}
	return os.Rename(path+draftSuffix, path)
}

func (l *Log) remove(file string) error {
	if err := os.Remove(filepath.Join(l.dir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget batch in flight: %w", err)
	}
	return nil
}

// find takes up one file of an earlier process.
func (l *Log) find(file string) error {
	if strings.HasSuffix(file, draftSuffix) {
		return os.Remove(filepath.Join(l.dir, file))
	}
	b, err := os.ReadFile(filepath.Join(l.dir, file))
	if err != nil {
		return fmt.Errorf("read batch in flight: %w", err)
	}
	var parts []uint64
	name, over := strings.CutSuffix(file, overSuffix)
	if over {
		l.ended = append(l.ended, name)
		for ; len(b) >= 8; b = b[8:] {
			parts = append(parts, binary.LittleEndian.Uint64(b))
		}
	} else {
		if parts, err = Parts(b); err != nil { // a power cut does that
			l.damaged++
			return l.remove(file)
		}
		l.left = append(l.left, name)
		l.parts[name] = parts
	}
	for _, p := range parts {
		l.former[p] = true
	}
	return nil
}
