package emit

import (
	"bytes"
	"hash/maphash"
)

// How many shapes are remembered, and how much shared text one may have for that: so all
// of them take half a megabyte at the most, and as a rule a tenth of it.
const (
	shapeSlots = 64
	shapeText  = 1 << 10
)

// shape is what rows have alike, with what is encoded of it: most requests of a sidecar
// differ from some earlier one only in ids, times, sizes and path.
type shape struct {
	filled bool
	facts  facts
	text   []byte

	span  []byte // fields of a span
	log   []byte // fields of an access-log row
	named bool   // span has the name

	counts     *series // in the RED window of this generation
	generation uint64
}

// shapes finds a row's shape again. Each has one slot where it may be, so that the
// memory is bounded and forgetting costs nothing.
type shapes struct {
	seed  maphash.Seed
	slots [shapeSlots]shape
	large shape // the last one with too much text
}

// of is the shape of w, valid until the next call.
func (s *shapes) of(e *encoder, c *chunk, w *row) *shape {
	text := c.sharedOf(w)
	slot := &s.large
	if len(text) <= shapeText {
		slot = &s.slots[maphash.Bytes(s.seed, text)%shapeSlots]
	}
	if slot.filled && slot.facts == w.facts && bytes.Equal(slot.text, text) {
		return slot
	}
	*slot = shape{
		filled: true, facts: w.facts, text: append(slot.text[:0], text...),
		span: slot.span[:0], log: slot.log[:0],
	}
	t := split(text, &w.facts)
	slot.span, slot.named = e.sharedSpan(slot.span, w, &t)
	slot.log = sharedLog(slot.log, w, &t)
	return slot
}

// splitTexts are the shared texts of a row, one by one.
type splitTexts [sharedTexts][]byte

func split(text []byte, f *facts) (t splitTexts) {
	for i, n := range f.lens {
		t[i], text = text[:n], text[n:]
	}
	return t
}
