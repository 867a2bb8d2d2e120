package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const suffix = ".journal"

// magic begins each file, with the version of the format.
var magic = []byte("SLJRNL\x00\x01")

// segment is one file.
type segment struct {
	file   file
	path   string
	number uint64
	size   int64 // of what is whole in it: the next record goes there
	live   int   // keys whose value is in it
}

// file is what a segment needs of an *os.File.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", number, suffix))
}

// createSegment makes an empty segment whose name is on disk.
func createSegment(dir string, number uint64) (*segment, error) {
	path := segmentPath(dir, number)
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
	return &segment{file: f, path: path, number: number, size: int64(len(magic))}, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// remove ends a segment that nothing is alive in.
func (s *segment) remove() error { return errors.Join(s.file.Close(), os.Remove(s.path)) }

// numbers are the segments of a directory, the oldest first.
func numbers(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
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

// scan calls each with every change of the records that are whole, up to the first that is
// not, and sets the segment's size to where that begins. It returns how many bytes follow.
func (s *segment) scan(length int64, each func(op Op, at int64)) (int64, error) {
	if length < int64(len(magic)) {
		return length, nil // made when the process ended
	}
	head := make([]byte, len(magic))
	if _, err := s.file.ReadAt(head, 0); err != nil {
		return 0, err
	}
	if string(head) != string(magic) {
		return 0, errors.New("it is no journal, or a newer version's")
	}
	s.size = int64(len(magic))
	var body []byte
	for {
		next, err := s.record(length, &body, each)
		switch {
		case errors.Is(err, errTorn):
			return length - s.size, nil
		case err != nil:
			return 0, err
		case next == s.size:
			return 0, nil
		}
		s.size = next
	}
}

// record reads the record at the segment's size and returns where the next begins: the
// same place at the end.
func (s *segment) record(length int64, body *[]byte, each func(op Op, at int64)) (int64, error) {
	left := length - s.size
	if left == 0 {
		return s.size, nil
	}
	var head [frame]byte
	if left < frame {
		return 0, errTorn
	}
	if _, err := s.file.ReadAt(head[:], s.size); err != nil {
		return 0, err
	}
	n := int64(binary.LittleEndian.Uint32(head[:]))
	if n == 0 || n > maxBody || n > left-frame {
		return 0, errTorn
	}
	*body = slices.Grow((*body)[:0], int(n))[:n]
	if _, err := s.file.ReadAt(*body, s.size+frame); err != nil {
		return 0, err
	}
	if crc32.Checksum(*body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return 0, errTorn
	}
	start := s.size + frame
	if err := parse(*body, func(op Op, at int64) { each(op, start+at) }); err != nil {
		return 0, err
	}
	return start + n, nil
}
