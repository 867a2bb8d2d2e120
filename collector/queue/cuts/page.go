package cuts

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// pageSize is what a file has from the start: a day of batches, or a thousand.
const pageSize = 64 << 10

// A file begins with magic and the turn in which it was written anew. Entries follow, each
// the length of its body, the checksum of turn and body, and the body; the first one is all
// that counted then. What an earlier turn left behind them has another checksum.
const (
	beginSize = 16
	frame     = 8
)

var (
	magic      = []byte("SLCUTS\x00\x01")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// page is one file.
type page struct {
	file file
	size int64 // that it may have
	at   int64 // where the next entry goes
}

// file is what a page needs of an *os.File.
type file interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Close() error
}

func openPage(path string) (*page, error) {
	f, size, err := createFixed(path, pageSize)
	if err != nil {
		return nil, err
	}
	return &page{file: f, size: size}, nil
}

func (p *page) fits(n int) bool { return p.at+frame+int64(n) <= max(p.size, pageSize) }

func checksum(turn uint64, body []byte) uint32 {
	var t [8]byte
	binary.LittleEndian.PutUint64(t[:], turn)
	return crc32.Update(crc32.Checksum(t[:], castagnoli), castagnoli, body)
}

func appendFrame(b []byte, turn uint64, body []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	b = binary.LittleEndian.AppendUint32(b, checksum(turn, body))
	return append(b, body...)
}

func (p *page) add(turn uint64, body []byte) error {
	b := appendFrame(nil, turn, body)
	if _, err := p.file.WriteAt(b, p.at); err != nil {
		return err
	}
	p.at += int64(len(b))
	return nil
}

// renew makes body all that there is, and puts it on disk.
func (p *page) renew(turn uint64, body []byte) error {
	b := binary.LittleEndian.AppendUint64(append([]byte(nil), magic...), turn)
	b = appendFrame(b, turn, body)
	if _, err := p.file.WriteAt(b, 0); err != nil {
		return err
	}
	if err := p.file.Sync(); err != nil {
		return err
	}
	p.at = int64(len(b))
	p.size = max(pageSize, 2*p.at)
	return nil
}

// read gives what a page says and its turn; 0 where it says nothing that can be read.
func (p *page) read() (s state, turn uint64, err error) {
	b, err := io.ReadAll(io.NewSectionReader(p.file, 0, 1<<40))
	if err != nil {
		return s, 0, err
	}
	if len(b) < beginSize || string(b[:len(magic)]) != string(magic) {
		return s, 0, nil
	}
	turn = binary.LittleEndian.Uint64(b[len(magic):])
	p.at = beginSize
	for first := true; ; first = false {
		body, ok := frameAt(b[p.at:], turn)
		if !ok {
			if first {
				turn = 0
			}
			break
		}
		if err := s.apply(body); err != nil {
			return state{}, 0, err
		}
		p.at += int64(frame + len(body))
	}
	p.size = max(int64(len(b)), pageSize)
	return s, turn, nil
}

// frameAt is the body of the entry that b begins with, false where it is none.
func frameAt(b []byte, turn uint64) ([]byte, bool) {
	if len(b) < frame {
		return nil, false
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n == 0 || n > int64(len(b)-frame) {
		return nil, false
	}
	body := b[frame : frame+n]
	return body, checksum(turn, body) == binary.LittleEndian.Uint32(b[4:])
}

// The kinds of entries.
const (
	kindState = 1 + iota
	kindBegin
	kindOver
)

var errEntry = errors.New("an entry is not of this version")

func beginEntry(c Cut) []byte { return appendCut([]byte{kindBegin}, c) }

func overEntry(from uint64) []byte { return binary.AppendUvarint([]byte{kindOver}, from) }

func (s *state) entry() []byte {
	b := appendText([]byte{kindState}, s.id)
	for _, n := range []uint64{s.done, s.former.From, s.former.To, uint64(len(s.cuts))} {
		b = binary.AppendUvarint(b, n)
	}
	for _, c := range s.cuts {
		over := byte(0)
		if c.over {
			over = 1
		}
		b = appendCut(append(b, over), c.Cut)
	}
	return b
}

func appendCut(b []byte, c Cut) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, c.From), c.To)
	return appendText(appendText(b, c.Name), string(c.Note))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
