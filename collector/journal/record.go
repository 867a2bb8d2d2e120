package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Op is a change of one key.
type Op struct {
	Key    string
	Value  []byte
	Delete bool
}

// A record is the length of its body and the body's checksum, four bytes each, little
// endian, and then the body: for each change what it is, the key, and the value of a set,
// each with its length.
const (
	frame     = 8
	maxBody   = 1 << 30
	opSet     = 1
	opDelete  = 2
	overhead  = 2 * binary.MaxVarintLen64 // of a change, at most, beside key and value
	opKindLen = 1
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errTorn    = errors.New("record is cut off or damaged")
)

// appendRecord adds a record of ops to b. It returns where in b each value begins.
func appendRecord(b []byte, ops []Op, at []int64) ([]byte, []int64) {
	start := len(b)
	b = append(b, make([]byte, frame)...)
	for _, op := range ops {
		if op.Delete {
			b = append(b, opDelete)
			b = binary.AppendUvarint(b, uint64(len(op.Key)))
			b = append(b, op.Key...)
			at = append(at, 0)
			continue
		}
		b = append(b, opSet)
		b = binary.AppendUvarint(b, uint64(len(op.Key)))
		b = append(b, op.Key...)
		b = binary.AppendUvarint(b, uint64(len(op.Value)))
		at = append(at, int64(len(b)-start))
		b = append(b, op.Value...)
	}
	body := b[start+frame:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(body, castagnoli))
	return b, at
}

// sizeOf is no less than what a record of ops takes.
func sizeOf(ops []Op) int64 {
	n := int64(frame)
	for _, op := range ops {
		n += int64(opKindLen + len(op.Key) + len(op.Value) + overhead)
	}
	return n
}

// parse calls each with every change of a body and where in it the value begins. The
// values are parts of the body.
func parse(body []byte, each func(op Op, at int64)) error {
	for rest := body; len(rest) > 0; {
		kind := rest[0]
		key, after, ok := text(rest[1:])
		if !ok || kind != opSet && kind != opDelete {
			return errTorn
		}
		rest = after
		if kind == opDelete {
			each(Op{Key: string(key), Delete: true}, 0)
			continue
		}
		value, after, ok := text(rest)
		if !ok {
			return errTorn
		}
		each(Op{Key: string(key), Value: value}, int64(len(body)-len(after)-len(value)))
		rest = after
	}
	return nil
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
