package cuts

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Cut is a batch: the records from one number to before another. They follow each other.
type Cut struct {
	From, To uint64
	Name     string // that the store has it under
	Note     []byte // of what was left out of it
}

// Range is the records from one number to before another.
type Range struct{ From, To uint64 }

// Log is the cuts of a queue. It is safe for concurrent use. A directory is one Log's at a
// time.
type Log struct {
	mu    sync.Mutex
	files [2]*page
	at    int    // the file that is written to
	turn  uint64 // of writing a file anew; the latest counts
	stale bool   // what is on disk lacks something
	state state
}

// state is what the files say.
type state struct {
	id     string // of the queue, which no other has
	done   uint64 // the records below are done with
	former Range  // the records that are in the files of an earlier version
	cuts   []cut  // from done on, ascending, one after the other
}

type cut struct {
	Cut

	over bool
}

// Open reads the cuts of a directory. On a full disk it goes on without remembering until
// there is room.
func Open(dir string) (*Log, error) {
	l := &Log{stale: true}
	for i, name := range []string{"cuts.a", "cuts.b"} {
		p, err := openPage(filepath.Join(dir, name))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open the batches of %s: %w", dir, err), l.Close())
		}
		l.files[i] = p
	}
	for i, p := range l.files {
		s, turn, err := p.read()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read the batches of %s: %w", dir, err), l.Close())
		}
		if turn > l.turn {
			l.turn, l.at, l.state, l.stale = turn, i, s, false
		}
	}
	if l.turn == 0 {
		l.state.id = newID()
	}
	return l, nil
}

func newID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// ID tells the queue from every other, and from another in the same place.
func (l *Log) ID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.id
}

// New reports whether nothing was remembered, or nothing that can be read.
func (l *Log) New() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turn == 0
}

// Done is the number of the record below which all are done with.
func (l *Log) Done() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.done
}

// Next is where the next cut begins.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.next()
}

// Open are the cuts that are not over, ascending.
func (l *Log) Open() []Cut {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Cut
	for _, c := range l.state.cuts {
		if !c.over {
			all = append(all, c.Cut)
		}
	}
	return all
}

// Begin remembers a cut, from where the next one begins, before it is sent: it is on disk
// then. Where that fails the cut counts all the same in this process.
func (l *Log) Begin(c Cut) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.begin(c)
	err := l.write(beginEntry(c))
	if err == nil {
		err = l.files[l.at].file.Sync()
	}
	if err != nil {
		l.stale = true
		return fmt.Errorf("remember batch %s: %w", c.Name, err)
	}
	return nil
}

// Over is told that the batch that begins at a record is stored, or never will be. It
// survives the end of the process. It returns what Done does.
func (l *Log) Over(from uint64) (done uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.over(from)
	if err = l.write(overEntry(from)); err != nil {
		l.stale = true
		err = fmt.Errorf("remember that the batch at %d is over: %w", from, err)
	}
	return l.state.done, err
}

// Former is the range of the records that are in the files of an earlier version; empty
// where there are none.
func (l *Log) Former() Range {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.former
}

// SetFormer changes that. The first of them were being sent under names, one record each,
// and are cuts that are not over; there must be no record between them and the last cut.
func (l *Log) SetFormer(r Range, names []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.former = r
	for i, name := range names {
		from := r.From + uint64(i)
		l.state.begin(Cut{From: from, To: from + 1, Name: name})
	}
	if err := l.renew(); err != nil {
		l.stale = true
		return fmt.Errorf("remember the earlier version's records: %w", err)
	}
	return nil
}

// Close gives the files back.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, p := range l.files {
		if p != nil {
			errs = append(errs, p.file.Close())
		}
	}
	return errors.Join(errs...)
}

// write adds an entry, or writes all anew where it has no room or something is missing.
// The lock is held.
func (l *Log) write(entry []byte) error {
	if l.stale || !l.files[l.at].fits(len(entry)) {
		return l.renew()
	}
	return l.files[l.at].add(l.turn, entry)
}

// renew writes what counts into the other file. The lock is held.
func (l *Log) renew() error {
	other := 1 - l.at
	if err := l.files[other].renew(l.turn+1, l.state.entry()); err != nil {
		return err
	}
	l.at, l.turn, l.stale = other, l.turn+1, false
	return nil
}

func (s *state) next() uint64 {
	if n := len(s.cuts); n > 0 {
		return s.cuts[n-1].To
	}
	return s.done
}

func (s *state) begin(c Cut) {
	if len(s.cuts) == 0 {
		s.done = max(s.done, c.From)
	}
	s.cuts = append(s.cuts, cut{Cut: c})
}

func (s *state) over(from uint64) {
	at := slices.IndexFunc(s.cuts, func(c cut) bool { return c.From == from })
	if at < 0 {
		return
	}
	s.cuts[at].over, s.cuts[at].Note = true, nil
	for len(s.cuts) > 0 && s.cuts[0].over {
		s.done = s.cuts[0].To
		s.cuts = s.cuts[1:]
	}
}

// createFixed opens a file and fills it up to a size, as far as there is room.
func createFixed(path string, size int64) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	if have := info.Size(); have < size {
		if _, err := f.WriteAt(make([]byte, size-have), have); err != nil {
			return f, have, nil //nolint:nilerr // without room it does what it can: see Open
		}
	}
	return f, max(size, info.Size()), nil
}
