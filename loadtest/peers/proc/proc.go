// Package proc reads from Linux's /proc what processes use, and starts and ends the
// processes that are measured.
package proc

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc: the kernel reports in hundredths of a
// second on every architecture that Go runs on.
const tick = 10 * time.Millisecond

// Table is a /proc.
type Table struct{ fs fs.FS }

// System is this machine's table.
func System() Table { return Table{os.DirFS("/proc")} }

// Memory is what a process keeps in RAM, in bytes.
type Memory struct {
	RSS int64
	// PSS shares what several processes map alike, such as program text, among them.
	// It may be added up over processes; RSS counts shared pages again each time.
	PSS int64
}

// Tree is a process and all its descendants.
func (t Table) Tree(pid int) ([]int, error) {
	tree := []int{pid}
	tasks, err := fs.ReadDir(t.fs, fmt.Sprintf("%d/task", pid))
	if err != nil {
		return nil, fmt.Errorf("list threads of process %d: %w", pid, err)
	}
	for _, task := range tasks {
		b, err := fs.ReadFile(t.fs, fmt.Sprintf("%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue // the thread has ended
		}
		for one := range strings.FieldsSeq(string(b)) {
			child, err := strconv.Atoi(one)
			if err != nil {
				return nil, fmt.Errorf("children of process %d: %w", pid, err)
			}
			below, err := t.Tree(child)
			if err != nil {
				return nil, err
			}
			tree = append(tree, below...)
		}
	}
	return tree, nil
}

// CPU is the processor time, user and system, that a process and its descendants have
// used, without that of descendants that have ended.
func (t Table) CPU(pid int) (time.Duration, error) {
	tree, err := t.Tree(pid)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, one := range tree {
		b, err := fs.ReadFile(t.fs, fmt.Sprintf("%d/stat", one))
		if err != nil {
			return 0, fmt.Errorf("read times of process %d: %w", one, err)
		}
		used, err := parseStat(b)
		if err != nil {
			return 0, fmt.Errorf("read times of process %d: %w", one, err)
		}
		sum += used
	}
	return sum, nil
}

// parseStat adds up utime and stime, the 14th and 15th field. The second is the
// program's name in parentheses, which may hold anything.
func parseStat(b []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return 0, fmt.Errorf("stat %q has no name", b)
	}
	fields := strings.Fields(string(b[end+1:]))
	const utime, stime = 14 - 3, 15 - 3 // what follows the name begins with the third
	if len(fields) <= stime {
		return 0, fmt.Errorf("stat has %d fields after the name", len(fields))
	}
	return ticks(fields[utime], fields[stime])
}

// ticks adds up counts of ticks.
func ticks(counts ...string) (time.Duration, error) {
	var sum time.Duration
	for _, c := range counts {
		n, err := strconv.ParseInt(c, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// Memory is that of a process and its descendants, added up.
func (t Table) Memory(pid int) (Memory, error) {
	tree, err := t.Tree(pid)
	if err != nil {
		return Memory{}, err
	}
	var sum Memory
	for _, one := range tree {
		b, err := fs.ReadFile(t.fs, fmt.Sprintf("%d/smaps_rollup", one))
		if err != nil {
			return Memory{}, fmt.Errorf("read memory of process %d: %w", one, err)
		}
		m, err := parseRollup(string(b))
		if err != nil {
			return Memory{}, fmt.Errorf("read memory of process %d: %w", one, err)
		}
		sum.RSS += m.RSS
		sum.PSS += m.PSS
	}
	return sum, nil
}

func parseRollup(text string) (m Memory, err error) {
	if m.RSS, err = kibibytes(text, "Rss:"); err != nil {
		return m, err
	}
	m.PSS, err = kibibytes(text, "Pss:")
	return m, err
}

// kibibytes finds the line that begins with key and reads its size.
func kibibytes(text, key string) (int64, error) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, key)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("size %q: %w", line, err)
		}
		return n << 10, nil
	}
	return 0, fmt.Errorf("no line %q", key)
}
