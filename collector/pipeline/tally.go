package pipeline

import (
	"math"
	"slices"
)

// tally counts the items of a request of OTLP in protobuf while its bytes pass, without
// decoding it: it goes into the messages that hold them, and past everything else. It
// allocates nothing.
type tally struct {
	path  [][]uint64 // the fields of each depth that lead to an item; the last are items
	items int
	bad   bool // it is no such message, or not one that is counted as it is decoded

	at    uint64
	ends  [5]uint64 // where the messages end that are open, by depth
	depth int
	skip  uint64 // bytes that are no matter
	want  part
	field uint64 // that a length is awaited of
	value uint64 // of a varint, as far as it has been read
	shift uint
}

// part is what of a field comes next.
type part int

const (
	key part = iota
	number
	length
)

// paths are by signal. The points of a metric are in one of five kinds of data.
var paths = map[string][][]uint64{
	"traces":  {{1}, {2}, {2}},
	"logs":    {{1}, {2}, {2}},
	"metrics": {{1}, {2}, {2}, {5, 7, 9, 10, 11}, {1}},
}

// read takes the next bytes.
func (t *tally) read(b []byte) {
	for len(b) > 0 && !t.bad {
		if t.skip > 0 {
			n := min(t.skip, uint64(len(b)))
			t.skip -= n
			b = b[n:]
			t.pass(n)
			continue
		}
		c := b[0]
		b = b[1:]
		t.value |= uint64(c&0x7f) << t.shift
		if t.shift += 7; c >= 0x80 {
			t.bad = t.shift >= 70
			t.at++
			continue
		}
		v := t.value
		t.value, t.shift = 0, 0
		t.at++
		t.take(v)
		t.pass(0)
	}
}

// take takes a whole varint.
func (t *tally) take(v uint64) {
	switch t.want {
	case number:
		t.want = key
	case length:
		t.want = key
		t.open(v)
	default:
		t.begin(v>>3, v&7)
	}
}

// deprecated is the field of a resource's items that receivers take in the place of its scopes
// where it has none, as of senders of before OTLP 0.15.
const deprecated = 1000

// begin begins a field of a type. Whoever decodes it may take a number that no field can have
// for another.
func (t *tally) begin(field, kind uint64) {
	if field == 0 || field > math.MaxInt32 || t.depth == 1 && field == deprecated {
		t.bad = true
		return
	}
	switch kind {
	case 0:
		t.want = number
	case 1:
		t.skip = 8
	case 2:
		t.want, t.field = length, field
	case 5:
		t.skip = 4
	default: // groups are not of this century
		t.bad = true
	}
}

// open goes into a field of so many bytes, or past it.
func (t *tally) open(size uint64) {
	if t.depth > 0 && size > t.ends[t.depth-1]-t.at {
		t.bad = true
		return
	}
	if !slices.Contains(t.path[t.depth], t.field) {
		t.skip = size
		return
	}
	if t.depth == len(t.path)-1 {
		t.items++
		t.skip = size
		return
	}
	t.ends[t.depth] = t.at + size
	t.depth++
}

// pass goes on by n bytes, and out of the messages that end there.
func (t *tally) pass(n uint64) {
	t.at += n
	for t.depth > 0 && t.at >= t.ends[t.depth-1] && t.skip == 0 {
		t.bad = t.bad || t.at > t.ends[t.depth-1] || t.want != key
		t.depth--
	}
}

// whole reports whether what was read is a whole message.
func (t *tally) whole() bool {
	return !t.bad && t.depth == 0 && t.skip == 0 && t.want == key && t.shift == 0
}
