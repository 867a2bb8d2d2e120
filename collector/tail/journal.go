package tail

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
	"strings"
	"sync"

	"github.com/sightline-mesh/sightline/collector/sampling"
)

const (
	recordSize   = 32
	recordTrace  = 1
	recordStep   = 2
	fileRecords  = 100_000 // of which a file has no more
	fileSeconds  = 60      // nor of a longer time
	maxFiles     = 32
	filePrefix   = "evidence."
	checksumSize = 4
)

// record is a line of the journal: that a trace is worth it, or the share of a second.
type record struct {
	kind     uint8
	evidence evidence
	second   uint32 // Unix: when the trace was first seen, or which it is
	trace    TraceID
}

func (r record) threshold() uint64 { return binary.LittleEndian.Uint64(r.trace[:8]) }

func (r record) append(b []byte) []byte {
	begin := len(b)
	b = append(b, r.kind, byte(r.evidence), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, r.second)
	b = append(b, r.trace[:]...)
	b = append(b, 0, 0, 0, 0)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[begin:]))
}

func appendTrace(b []byte, trace TraceID, seen int64, e evidence) []byte {
	return record{recordTrace, e, uint32(seen), trace}.append(b) //nolint:gosec // until 2106
}

func appendStep(b []byte, second int64, t sampling.Threshold) []byte {
	r := record{kind: recordStep, second: uint32(second)} //nolint:gosec // until 2106
	binary.LittleEndian.PutUint64(r.trace[:8], uint64(t))
	return r.append(b)
}

// read gives the records of a file, up to what a crash cut off.
func read(b []byte, each func(record)) (last uint32) {
	for ; len(b) >= recordSize; b = b[recordSize:] {
		body := b[:recordSize-checksumSize]
		if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(b[recordSize-checksumSize:]) {
			return last
		}
		r := record{kind: b[0], evidence: evidence(b[1]), second: binary.LittleEndian.Uint32(b[4:])}
		copy(r.trace[:], b[8:])
		last = max(last, r.second)
		each(r)
	}
	return last
}

// journal is records in files, the oldest of which are removed as they are of no use any
// more.
type journal struct {
	dir string

	mu    sync.Mutex
	files []file // the last is written to
	out   *os.File
}

type file struct {
	number      uint64
	begun, last int64 // Unix seconds
	size        int
}

// openJournal reads what there is and begins a new file.
func openJournal(dir string, each func(record)) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for evidence: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list evidence: %w", err)
	}
	j := &journal{dir: dir}
	for _, e := range entries {
		number, err := strconv.ParseUint(strings.TrimPrefix(e.Name(), filePrefix), 10, 64)
		if err != nil || !strings.HasPrefix(e.Name(), filePrefix) {
			continue
		}
		j.files = append(j.files, file{number: number})
	}
	slices.SortFunc(j.files, func(a, b file) int { return int(int64(a.number - b.number)) }) //nolint:gosec // close to each other
	for i := range j.files {
		b, err := os.ReadFile(j.path(j.files[i].number))
		if err != nil {
			return nil, fmt.Errorf("read evidence: %w", err)
		}
		j.files[i].last = int64(read(b, each))
	}
	return j, nil
}

func (j *journal) path(number uint64) string {
	return filepath.Join(j.dir, filePrefix+strconv.FormatUint(number, 10))
}

// append writes records that were made in a second. Files of which all is before oldest are
// removed.
func (j *journal) append(b []byte, second, oldest int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.files); j.out == nil || j.files[n-1].size >= fileRecords*recordSize || second-j.files[n-1].begun >= fileSeconds {
		if err := j.next(second, oldest); err != nil {
			return err
		}
	}
	f := &j.files[len(j.files)-1]
	f.last = max(f.last, second)
	f.size += len(b)
	if _, err := j.out.Write(b); err != nil {
		err = errors.Join(err, j.out.Close()) // what follows half a record would not be read
		j.out = nil
		return fmt.Errorf("write evidence: %w", err)
	}
	return nil
}

// next begins another file.
func (j *journal) next(second, oldest int64) error {
	for len(j.files) > 0 && (j.files[0].last < oldest || len(j.files) >= maxFiles) {
		if err := os.Remove(j.path(j.files[0].number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget evidence: %w", err)
		}
		j.files = j.files[1:]
	}
	if j.out != nil {
		if err := j.out.Close(); err != nil {
			return fmt.Errorf("end a file of evidence: %w", err)
		}
		j.out = nil
	}
	number := uint64(1)
	if n := len(j.files); n > 0 {
		number = j.files[n-1].number + 1
	}
	out, err := os.OpenFile(j.path(number), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("begin a file of evidence: %w", err)
	}
	j.out = out
	j.files = append(j.files, file{number: number, begun: second})
	return nil
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.out == nil {
		return nil
	}
	err := j.out.Close()
	j.out = nil
	return err
}
