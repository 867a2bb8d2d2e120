package former

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// A journal's file begins with its magic. Records follow: the length of the body and the
// body's checksum, four bytes each, little endian, and the body: for each change what it
// is, the key, and the value of a set, each with its length.
const (
	frame    = 8
	opSet    = 1
	opDelete = 2
)

var (
	magic      = []byte("SLJRNL\x00\x01")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// place is where a request is in a file.
type place struct {
	path string
	at   int64
	n    int
}

func (p place) read() ([]byte, error) {
	f, err := os.Open(p.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, p.n)
	if _, err := f.ReadAt(b, p.at); err != nil {
		return nil, fmt.Errorf("read %s: %w", p.path, err)
	}
	return b, nil
}

// journal finds the requests of a journal's files by their keys.
func journal(files []string) (requests map[uint64]place, damaged int, err error) {
	requests = map[uint64]place{}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, 0, fmt.Errorf("read an earlier version's queue: %w", err)
		}
		damaged += scan(b, func(key string, at, n int) {
			index, err := strconv.ParseUint(key, 10, 64)
			switch {
			case err != nil: // what the queue kept about itself
			case at == 0:
				delete(requests, index)
			default:
				requests[index] = place{path, int64(at), n}
			}
		})
	}
	return requests, damaged, nil
}

// journalFiles are those of a directory, the oldest first.
func journalFiles(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	slices.Sort(files) // by number, which all have as many digits
	return files, err
}

// scan calls each with every change of the records that are whole, up to the first that is
// not: the key, and where its value is, 0 where it is deleted. It returns how many bytes
// follow.
func scan(b []byte, each func(key string, at, n int)) (rest int) {
	if len(b) < len(magic) || string(b[:len(magic)]) != string(magic) {
		return len(b)
	}
	for at := len(magic); ; {
		if len(b)-at < frame {
			return len(b) - at
		}
		n := int64(binary.LittleEndian.Uint32(b[at:]))
		if n == 0 || n > int64(len(b)-at-frame) {
			return len(b) - at
		}
		end := at + frame + int(n)
		body := b[at+frame : end]
		if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[at+4:]) || !changes(body, at+frame, each) {
			return len(b) - at
		}
		at = end
	}
}

// changes takes the body of a record apart, which begins at a place of the file.
func changes(body []byte, start int, each func(key string, at, n int)) bool {
	for rest := body; len(rest) > 0; {
		kind := rest[0]
		key, after, ok := text(rest[1:])
		if !ok || kind != opSet && kind != opDelete {
			return false
		}
		rest = after
		if kind == opDelete {
			each(string(key), 0, 0)
			continue
		}
		value, after, ok := text(rest)
		if !ok {
			return false
		}
		each(string(key), start+len(body)-len(after)-len(value), len(value))
		rest = after
	}
	return true
}

// text takes bytes that follow their length off b.
func text(b []byte) (t, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, false
	}
	b = b[used:]
	return b[:n], b[n:], true
}

func remove(path string) error {
	if err := os.RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what an earlier version left: %w", err)
	}
	return nil
}
