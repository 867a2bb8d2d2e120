package journal

import (
	"fmt"
)

// write appends one record, in a new segment where the last one is full. The lock is held.
func (j *Journal) write(ops []Op) error {
	if sizeOf(ops) > maxBody {
		return fmt.Errorf("a change of %d bytes is larger than %d", sizeOf(ops), int64(maxBody))
	}
	last := j.segments[len(j.segments)-1]
	if j.turn || j.behind || last.size > int64(len(magic)) && last.size+sizeOf(ops) > j.cfg.SegmentBytes {
		if err := j.begin(); err != nil {
			return err
		}
	}
	return j.add(ops)
}

// add appends a record to the last segment. The lock is held.
func (j *Journal) add(ops []Op) error {
	last := j.segments[len(j.segments)-1]
	j.record, j.starts = appendRecord(j.record[:0], ops, j.starts[:0])
	if _, err := last.file.WriteAt(j.record, last.size); err != nil {
		return err // the next record is written over what came of this one
	}
	for i, op := range ops {
		j.note(op, place{last, last.size + j.starts[i], len(op.Value)})
	}
	last.size += int64(len(j.record))
	j.applied++
	const keep = 4 << 20
	if cap(j.record) > keep {
		j.record = nil
	}
	return nil
}

// note takes a change over into memory. The lock is held, or not needed yet.
func (j *Journal) note(op Op, p place) {
	if before, ok := j.values[op.Key]; ok {
		before.in.live--
	}
	if op.Delete {
		delete(j.values, op.Key)
		return
	}
	p.in.live++
	j.values[op.Key] = p
}

// move writes what lives in a segment anew, into the last one. The lock is held.
func (j *Journal) move(from *segment) error {
	var ops []Op
	for key, p := range j.values {
		if p.in != from {
			continue
		}
		value := make([]byte, p.n)
		if _, err := from.file.ReadAt(value, p.at); err != nil {
			return fmt.Errorf("read %s of %s: %w", key, from.path, err)
		}
		ops = append(ops, Op{Key: key, Value: value})
	}
	if len(ops) == 0 {
		return nil
	}
	if err := j.add(ops); err != nil {
		return fmt.Errorf("write %d values of %s anew: %w", len(ops), from.path, err)
	}
	return nil
}
