package dedup

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// part is what a part's name says: the blocks of one partition that are in it.
type part struct {
	partition       string
	first, last     uint64 // blocks, both included
	level, mutation uint64
}

// parsePart reads a name such as 20261127_4_9_1 or, once mutated, 20261127_4_9_1_12. Those
// of parts that are being written or removed begin with another word and are not names.
func parsePart(name string) (part, bool) {
	fields := strings.Split(name, "_")
	if len(fields) != 4 && len(fields) != 5 || fields[0] == "" {
		return part{}, false
	}
	var numbers [4]uint64
	for i, f := range fields[1:] {
		n, err := strconv.ParseUint(f, 10, 63)
		if err != nil {
			return part{}, false
		}
		numbers[i] = n
	}
	p := part{partition: fields[0], first: numbers[0], last: numbers[1], level: numbers[2], mutation: numbers[3]}
	return p, p.first <= p.last
}

// holds reports whether the rows of q are in p, as the engine decides it.
func (p part) holds(q part) bool {
	return p.partition == q.partition && p.first <= q.first && p.last >= q.last &&
		p.level >= q.level && p.mutation >= q.mutation
}

// partsIn lists the parts that a table's directories, one for each disk, have in place.
func partsIn(directories []string) (map[string][]part, error) {
	all := map[string][]part{}
	for _, directory := range directories {
		entries, err := os.ReadDir(directory)
		if err != nil {
			return nil, fmt.Errorf("list parts: %w", err)
		}
		for _, e := range entries {
			if p, ok := parsePart(e.Name()); ok && e.IsDir() {
				all[p.partition] = append(all[p.partition], p)
			}
		}
	}
	return all, nil
}

// stored reports whether the rows of q are in one of the parts.
func stored(parts map[string][]part, q part) bool {
	return slices.ContainsFunc(parts[q.partition], func(p part) bool { return p.holds(q) })
}
