package balance

import (
	"cmp"
	"slices"
)

// DefaultMaglev is the number of entries of a Maglev table, a prime, as in Envoy.
const DefaultMaglev = 65537

// MaxMaglev bounds the number of entries.
const MaxMaglev = 5000011

// rehashes is how many entries a key tries before it looks at all.
const rehashes = 64

// Maglev is a table that is filled in turns: each place takes the next entry that is
// free in its own order of entries, so that all own as many but for one. A key is one
// look-up, against a search on a ring; when places change, a few more keys move.
type Maglev struct{ entries []int32 }

// NewMaglev makes a table of size entries, a prime (0 is DefaultMaglev), for the places
// of these names. Names are what senders agree on, such as addresses.
func NewMaglev(names []string, size int) *Maglev {
	if size <= 0 {
		size = DefaultMaglev
	}
	m := &Maglev{}
	if len(names) > 0 {
		m.entries = make([]int32, size)
		m.fill(names)
	}
	return m
}

// Pick implements Table. A key whose place is not able goes on to other entries of its
// own, so that the keys of one place spread over all others and no other key moves.
func (m *Maglev) Pick(key uint64, able []bool) int {
	size := uint64(len(m.entries))
	if size == 0 {
		return -1
	}
	at := key % size
	for range rehashes {
		if place := int(m.entries[at]); able[place] {
			return place
		}
		key = mix(key + 1)
		at = key % size
	}
	for n := range size {
		if place := int(m.entries[(at+n)%size]); able[place] {
			return place
		}
	}
	return -1
}

// fill lets the places take turns in the order of their names, on which senders agree
// though they may list the places in another order.
func (m *Maglev) fill(names []string) {
	size := uint64(len(m.entries))
	type walk struct{ place, next, skip uint64 }
	walks := make([]walk, len(names))
	for i, name := range names {
		h := Hash(name)
		walks[i] = walk{place: uint64(i), next: h % size, skip: mix(h^0x9e3779b97f4a7c15)%(size-1) + 1}
	}
	slices.SortFunc(walks, func(a, b walk) int { return cmp.Compare(names[a.place], names[b.place]) })
	for i := range m.entries {
		m.entries[i] = -1
	}
	for free := len(m.entries); ; {
		for i := range walks {
			w := &walks[i]
			for m.entries[w.next] >= 0 {
				w.next = (w.next + w.skip) % size
			}
			m.entries[w.next] = int32(w.place)
			if free--; free == 0 {
				return
			}
		}
	}
}
