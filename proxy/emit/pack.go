package emit

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/s2"
)

// batchBytes is how large a batch becomes, compressed, before it is sent without waiting
// for the end of the interval: some 500 records, so that what is sent and answered at
// once is little.
const batchBytes = 64 << 10

// largeBatch is what leaves so little of a block empty that it waits in it, rather than
// in as many bytes as it has, of which the queue's bound speaks.
const largeBatch = batchBytes * 3 / 4

// packing is a batch in the making. Pieces are compressed one by one, as soon as they are
// encoded, so that next to nothing lies in memory uncompressed. What comes out is one
// request: protobuf messages put one behind the other are one message with the lists of
// both, and so are Snappy's elements, which refer backwards by distance, one block.
type packing struct {
	items, plain int    // plain is bytes before compression
	body         []byte // room for the length, then elements
	block        *block // where body lies, unless it has outgrown it
}

// lengthBytes is room for Snappy's preamble, the length of what is compressed.
const lengthBytes = binary.MaxVarintLen32

// pack adds a piece of some items, an export request of its own, to the batch of its
// kind. The piece may be used again afterwards. Snappy, because gzip would cost twice as
// much as everything else that is done for a record, and Snappy a third of gzip.
func (e *Emitter) pack(kind, items int, piece []byte) {
	if items == 0 {
		return
	}
	e.packed = s2.EncodeSnappy(e.packed[:cap(e.packed)], piece)
	_, n := binary.Uvarint(e.packed)
	elements := e.packed[n:]
	p := &e.batches[kind]
	if p.items > 0 && len(p.body)+len(elements) > len(p.block) {
		e.ship(kind)
	}
	if p.block == nil {
		p.block = e.queue.lend()
	}
	if p.items == 0 {
		p.body = p.block[:lengthBytes]
	}
	p.body = append(p.body, elements...)
	p.items += items
	p.plain += len(piece)
}

// ship queues the batch of a kind.
func (e *Emitter) ship(kind int) {
	p := &e.batches[kind]
	if p.items == 0 {
		return
	}
	var length [lengthBytes]byte
	n := binary.PutUvarint(length[:], uint64(p.plain))
	body := p.body[lengthBytes-n:]
	copy(body, length[:n])
	b := batch{kind: kind, items: p.items, body: body}
	switch {
	case cap(p.body) != len(p.block): // one piece was larger than a block
	case len(p.body) < largeBatch:
		b.body = bytes.Clone(body)
	default:
		b.block, p.block = p.block, nil
	}
	for _, b := range e.queue.push(b) {
		e.accounts.drop(b.kind, b.items, DroppedQueueFull)
	}
	p.items, p.plain = 0, 0
}
