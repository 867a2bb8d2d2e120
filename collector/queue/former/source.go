package former

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Config says where earlier versions kept what. Each may be missing.
type Config struct {
	Journal  string // directory
	InFlight string // directory of the batches that were being sent
	Bolt     string // file
}

// Source is what is left, as it is when it is opened.
type Source struct {
	cfg      Config
	files    []string // of the journal
	flights  []string // names of the batches that were being sent
	sent     map[uint64]bool
	requests []place
	stored   [][]byte // those of the bbolt file, which come first
	damaged  int
}

// Open looks for what is left; nil where there is nothing.
func Open(c Config) (*Source, error) {
	s := &Source{cfg: c, sent: map[uint64]bool{}}
	files, err := journalFiles(c.Journal)
	if err != nil {
		return nil, fmt.Errorf("look for an earlier version's queue: %w", err)
	}
	s.files = files
	found, damaged, err := journal(files)
	if err != nil {
		return nil, err
	}
	s.damaged = damaged
	for _, index := range slices.Sorted(maps.Keys(found)) {
		s.requests = append(s.requests, found[index])
	}
	if s.stored, err = bolt(c.Bolt); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(c.InFlight)
	none := errors.Is(err, fs.ErrNotExist)
	switch {
	case none && len(files) == 0 && s.stored == nil:
		return nil, nil
	case err != nil && !none:
		return nil, fmt.Errorf("look for what an earlier version was sending: %w", err)
	}
	for _, e := range entries {
		if err := s.flight(e.Name()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Names are those under which the first of the requests were being sent, one each: what was
// stored of them was stored under these.
func (s *Source) Names() []string { return s.flights }

// Len is how many requests there are.
func (s *Source) Len() int { return len(s.flights) + len(s.stored) + len(s.requests) }

// Damaged is how many bytes, or batches, could not be read.
func (s *Source) Damaged() int { return s.damaged }

// Read gives a request, as OTLP has it, without what is among Names or was stored.
func (s *Source) Read(i int) ([]byte, error) {
	if i < len(s.flights) {
		return os.ReadFile(filepath.Join(s.cfg.InFlight, s.flights[i]))
	}
	if i -= len(s.flights); i < len(s.stored) {
		return s.rest(s.stored[i])
	}
	b, err := s.requests[i-len(s.stored)].read()
	if err != nil {
		return nil, err
	}
	return s.rest(b)
}

// Remove removes all of it.
func (s *Source) Remove() error {
	errs := []error{remove(s.cfg.InFlight), remove(s.cfg.Bolt)}
	for _, f := range s.files {
		errs = append(errs, remove(f))
	}
	return errors.Join(errs...)
}

// A batch's file has its name; that of one that is over holds its parts' hashes alone.
const (
	overSuffix  = ".over"
	draftSuffix = ".draft" // half written
)

// flight takes up one file of the batches that were being sent.
func (s *Source) flight(name string) error {
	if strings.HasSuffix(name, draftSuffix) {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(s.cfg.InFlight, name))
	if err != nil {
		return fmt.Errorf("read what an earlier version was sending: %w", err)
	}
	if strings.HasSuffix(name, overSuffix) {
		for ; len(b) >= 8; b = b[8:] {
			s.sent[binary.LittleEndian.Uint64(b)] = true
		}
		return nil
	}
	hashes, err := parts(b, nil)
	if err != nil { // a power cut does that
		s.damaged++
		return nil //nolint:nilerr // it is counted
	}
	s.flights = append(s.flights, name)
	for _, h := range hashes {
		s.sent[h] = true
	}
	return nil
}

// rest is a request without the parts that were sent.
func (s *Source) rest(b []byte) ([]byte, error) {
	var kept []byte
	_, err := parts(b, func(hash uint64, element []byte) {
		if !s.sent[hash] {
			kept = append(kept, element...)
		}
	})
	return kept, err
}
