package segments

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const suffix = ".segment"

// magic begins each file, with the version of the format.
var magic = []byte("SLQUEUE\x01")

// segment is one file.
type segment struct {
	file file
	path string
	end  uint64 // the number after its last record's
	size int64  // of what is whole in it: the next record goes there
}

// file is what a segment needs of an *os.File.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", first, suffix))
}

// createSegment makes an empty segment whose name is on disk.
func createSegment(dir string, first uint64) (*segment, error) {
	path := segmentPath(dir, first)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = f.WriteAt(magic, 0); err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return &segment{file: f, path: path, end: first, size: int64(len(magic))}, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *segment) remove() error { return errors.Join(s.file.Close(), os.Remove(s.path)) }

// firsts are the numbers of the first records of a directory's segments, ascending.
func firsts(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []uint64
	for _, e := range entries {
		name, ours := strings.CutSuffix(e.Name(), suffix)
		n, err := strconv.ParseUint(name, 16, 64)
		if ours && err == nil && len(name) == 16 {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// scan lists the records of a segment whose heads can be read, and how many bytes are of
// none.
func (s *segment) scan(length int64) (all []Record, damaged int64, err error) {
	begin := make([]byte, len(magic))
	if length < int64(len(magic)) {
		return nil, length, nil // made when the process ended
	}
	if _, err := s.file.ReadAt(begin, 0); err != nil {
		return nil, 0, err
	}
	if !bytes.Equal(begin, magic) {
		return nil, 0, errors.New("it is no queue's file, or a newer version's")
	}
	s.size = int64(len(magic))
	for at := s.size; at < length; {
		r, err := s.headAt(at, length)
		switch {
		case err != nil:
			return nil, 0, err
		case r.in == nil || r.Number < s.end:
			next, err := s.find(at+1, length)
			if err != nil {
				return nil, 0, err
			}
			damaged += next - at
			at = next
			continue
		}
		all = append(all, r)
		at = r.at + int64(r.Size)
		s.end, s.size = r.Number+1, at
	}
	return all, damaged, nil
}

// headAt reads the head at a place; in is nil where there is none of a record that ends
// within length.
func (s *segment) headAt(at, length int64) (Record, error) {
	var b [headSize]byte
	if length-at < headSize {
		return Record{}, nil
	}
	if _, err := s.file.ReadAt(b[:], at); err != nil {
		return Record{}, err
	}
	r, ok := head(b[:])
	if !ok || at+headSize+int64(r.Size) > length {
		return Record{}, nil
	}
	r.in, r.at = s, at+headSize
	return r, nil
}

// find is where, from a place on, the next head is that can be read; length if there is none.
func (s *segment) find(at, length int64) (int64, error) {
	b := make([]byte, 64<<10)
	for at+headSize <= length {
		n, err := s.file.ReadAt(b[:min(int64(len(b)), length-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i := 0; ; i++ {
			next := bytes.Index(b[i:n], mark)
			if next < 0 {
				break
			}
			i += next
			r, err := s.headAt(at+int64(i), length)
			if err != nil {
				return 0, err
			}
			if r.in != nil && r.Number >= s.end {
				return at + int64(i), nil
			}
		}
		at += int64(max(n-len(mark)+1, 1)) // a mark may lie across
	}
	return length, nil
}

// whole reports whether a record's content is what was written.
func (r Record) whole() (bool, error) {
	_, err := r.read()
	if errors.Is(err, ErrDamaged) {
		return false, nil
	}
	return err == nil, err
}

func (r Record) read() ([]byte, error) {
	b := make([]byte, r.Size)
	if _, err := r.in.file.ReadAt(b, r.at); err != nil {
		return nil, fmt.Errorf("read record %d of %s: %w", r.Number, r.in.path, err)
	}
	if crc32.Checksum(b, castagnoli) != r.Checksum {
		return nil, fmt.Errorf("read record %d of %s: %w", r.Number, r.in.path, ErrDamaged)
	}
	return b, nil
}
