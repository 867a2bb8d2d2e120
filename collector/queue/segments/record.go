package segments

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// A record is a head and its content. The head is little endian: the mark, the checksum of
// the rest of the head, the record's number, its arrival in milliseconds of Unix time, how
// many items it has, the length of the content and the content's checksum.
const (
	headSize   = 36
	maxContent = 1 << 30
)

var (
	mark       = []byte("SLQR")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// ErrDamaged is a record whose content is not what was written.
var ErrDamaged = errors.New("record is damaged")

// Record is where a record is and what is known of it without reading it.
type Record struct {
	Number   uint64
	Arrival  time.Time
	Items    int
	Size     int // of its content, in bytes
	Checksum uint32

	in *segment
	at int64 // of its content
}

func putHead(b []byte, r Record) {
	copy(b, mark)
	binary.LittleEndian.PutUint64(b[8:], r.Number)
	binary.LittleEndian.PutUint64(b[16:], uint64(r.Arrival.UnixMilli()))
	binary.LittleEndian.PutUint32(b[24:], uint32(r.Items))
	binary.LittleEndian.PutUint32(b[28:], uint32(r.Size))
	binary.LittleEndian.PutUint32(b[32:], r.Checksum)
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:headSize], castagnoli))
}

// head reads a head, false where it is none.
func head(b []byte) (Record, bool) {
	if len(b) < headSize || !bytes.HasPrefix(b, mark) ||
		binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[8:headSize], castagnoli) {
		return Record{}, false
	}
	r := Record{
		Number:   binary.LittleEndian.Uint64(b[8:]),
		Arrival:  time.UnixMilli(int64(binary.LittleEndian.Uint64(b[16:]))),
		Items:    int(binary.LittleEndian.Uint32(b[24:])),
		Size:     int(binary.LittleEndian.Uint32(b[28:])),
		Checksum: binary.LittleEndian.Uint32(b[32:]),
	}
	return r, r.Size <= maxContent
}
