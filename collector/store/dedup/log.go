package dedup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// record is one line of a log: a block was added with a part, or dropped with it.
type record struct {
	drop  bool
	name  string // of the part
	part  part
	block string
}

// logFile is one file of a table's log.
type logFile struct {
	path    string
	number  uint64
	records []record
	torn    bool // it has lines that the engine would stumble over
}

var (
	logName = regexp.MustCompile(`^deduplication_log_(\d+)\.txt$`)
	// line is a record, or one at the end of a line whose beginning is another that was
	// not written whole: the engine goes on where a full disk or its death left off.
	line = regexp.MustCompile(`([12])\t([^\t]+)\t([^\t]+)$`)

	errFormat = errors.New("not a format that is known here")
)

// readLog reads a table's log, oldest file first.
func readLog(directory string) ([]*logFile, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, fmt.Errorf("list deduplication log: %w", err)
	}
	var files []*logFile
	for _, e := range entries {
		found := logName.FindStringSubmatch(e.Name())
		if found == nil {
			return nil, fmt.Errorf("deduplication log %s: %w", e.Name(), errFormat)
		}
		f := &logFile{path: filepath.Join(directory, e.Name())}
		if f.number, err = strconv.ParseUint(found[1], 10, 63); err != nil {
			return nil, fmt.Errorf("deduplication log %s: %w", e.Name(), errFormat)
		}
		if err := f.read(); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b *logFile) int { return int(a.number) - int(b.number) })
	return files, nil
}

func (f *logFile) read() error {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("read deduplication log: %w", err)
	}
	for text := range strings.Lines(string(b)) {
		whole, ended := strings.CutSuffix(text, "\n")
		if !ended {
			f.torn = true // the last write did not get to its end, so nothing came after it
			return nil
		}
		at := line.FindStringSubmatchIndex(whole)
		if at == nil {
			return fmt.Errorf("deduplication log %s: line %q: %w", f.path, whole, errFormat)
		}
		f.torn = f.torn || at[0] > 0
		r := record{drop: whole[at[2]:at[3]] == "2", name: whole[at[4]:at[5]], block: whole[at[6]:at[7]]}
		var ok bool
		if r.part, ok = parsePart(r.name); !ok {
			return fmt.Errorf("deduplication log %s: part %q: %w", f.path, r.name, errFormat)
		}
		f.records = append(f.records, r)
	}
	return nil
}

// write puts the records in place of the file's, whole or not at all. The draft must not
// lie beside the file: the engine reads all that is there.
func (f *logFile) write(draft string) error {
	var b strings.Builder
	for _, r := range f.records {
		operation := 1
		if r.drop {
			operation = 2
		}
		fmt.Fprintf(&b, "%d\t%s\t%s\n", operation, r.name, r.block)
	}
	if err := os.WriteFile(draft, []byte(b.String()), 0o640); err != nil {
		return fmt.Errorf("write deduplication log: %w", errors.Join(err, os.Remove(draft)))
	}
	if err := os.Rename(draft, f.path); err != nil {
		return fmt.Errorf("write deduplication log: %w", err)
	}
	return nil
}
