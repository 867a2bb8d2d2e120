// Package dedup mends what the engine remembers of inserted blocks, after it was killed.
//
// A MergeTree table tells a repeated insert by its deduplication log. The engine appends a
// block to the log and then renames the block's part into place. Killed between the two, it
// has the one without the other, and takes the sender's next try, who never had an answer,
// for a repetition: it says that all is stored, and the rows are lost.
//
// Before the engine starts, all that it knows is on disk: a block in the log whose part is
// not there, nor one that it was merged into, was never stored and is forgotten.
package dedup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Mend makes the tables in the engine's data directory forget blocks that are not stored,
// and says how many those were. No engine may use the directory. What the engine has moved
// to other disks lies below others, as it does below data's "store". A table whose files are
// not as expected is left as it is and told of in the error; the others are mended.
func Mend(data string, others ...string) (forgotten int, err error) {
	logs, err := filepath.Glob(filepath.Join(data, "store", "*", "*", "deduplication_logs"))
	if err != nil {
		return 0, fmt.Errorf("find deduplication logs: %w", err)
	}
	var bad []error
	for _, log := range logs {
		n, err := mendTable(filepath.Dir(log), data, others)
		forgotten += n
		if err != nil {
			bad = append(bad, fmt.Errorf("table %s: %w", filepath.Base(filepath.Dir(log)), err))
		}
	}
	return forgotten, errors.Join(bad...)
}

// mendTable is Mend for one table's directory.
func mendTable(table, data string, others []string) (forgotten int, err error) {
	draft := filepath.Join(data, "deduplication_log.draft")
	directories, err := onDisks(table, others)
	if err != nil {
		return 0, err
	}
	if err := checkFormat(table); err != nil {
		return 0, err
	}
	files, err := readLog(filepath.Join(table, "deduplication_logs"))
	if err != nil {
		return 0, err
	}
	parts, err := partsIn(directories)
	if err != nil {
		return 0, err
	}
	lost := map[string]bool{}
	for _, f := range files {
		for _, r := range f.records {
			lost[r.block] = !r.drop && !stored(parts, r.part)
		}
	}
	for _, f := range files {
		n := f.forget(lost)
		if n == 0 && !f.torn {
			continue
		}
		if err := f.write(draft); err != nil {
			return forgotten, err
		}
		forgotten += n
	}
	return forgotten, nil
}

// onDisks are the directories that a table has: the one in the data directory, and those on
// other disks, of which one that it has moved nothing to may have none.
func onDisks(table string, others []string) ([]string, error) {
	all := []string{table}
	for _, other := range others {
		there := filepath.Join(other, "store", filepath.Base(filepath.Dir(table)), filepath.Base(table))
		if _, err := os.Stat(there); err == nil {
			all = append(all, there)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("find parts on another disk: %w", err)
		}
	}
	return all, nil
}

// checkFormat refuses a table that is not laid out as this package expects.
func checkFormat(table string) error {
	const file, known = "format_version.txt", "1"
	b, err := os.ReadFile(filepath.Join(table, file))
	if err != nil {
		return fmt.Errorf("read format: %w", err)
	}
	if got := strings.TrimSpace(string(b)); got != known {
		return fmt.Errorf("%s says %q: %w", file, got, errFormat)
	}
	return nil
}

// forget takes out the records that added lost blocks.
func (f *logFile) forget(lost map[string]bool) int {
	kept := f.records[:0]
	for _, r := range f.records {
		if r.drop || !lost[r.block] {
			kept = append(kept, r)
		}
	}
	n := len(f.records) - len(kept)
	f.records = kept
	return n
}
