package balance

import (
	"cmp"
	"slices"
	"strconv"
)

const (
	// DefaultRing is the least number of points on a ring, as in Envoy.
	DefaultRing = 1024
	// MaxRing is the greatest number that may be asked for: 16 MiB.
	MaxRing = 1 << 20
	// pointsEach is how many points a place has where there are few, and aimedRing how
	// many there are in all where there are many.
	pointsEach, aimedRing = 1024, 64 << 10
)

// Ring is a table by consistent hashing: each place owns as many points of a circle,
// and a key belongs to the first point at or after its own.
type Ring struct{ points []point }

type point struct {
	hash  uint64
	place int32
}

// NewRing makes a ring of at least least points (0 is DefaultRing) for the places of
// these names. Names are what senders agree on, such as addresses.
func NewRing(names []string, least int) *Ring {
	if least <= 0 {
		least = DefaultRing
	}
	if len(names) == 0 {
		return &Ring{}
	}
	each := pointsOf(len(names), min(least, MaxRing))
	r := &Ring{points: make([]point, 0, each*len(names))}
	var buf []byte
	for i, name := range names {
		for n := range each {
			buf = append(append(buf[:0], name...), '_')
			buf = strconv.AppendInt(buf, int64(n), 10)
			r.points = append(r.points, point{Hash(string(buf)), int32(i)})
		}
	}
	slices.SortFunc(r.points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(names[a.place], names[b.place]))
	})
	return r
}

// pointsOf is how many points each of n places has. It stays the same while n grows up
// to its double: to divide a fixed number of points anew with each place would take some
// from all others, and move their keys.
func pointsOf(n, least int) int {
	each := pointsEach
	for each > 1 && each*n > aimedRing {
		each /= 2
	}
	for each*n < least {
		each *= 2
	}
	return each
}

// Pick implements Table.
func (r *Ring) Pick(key uint64, able []bool) int {
	lo, hi := 0, len(r.points)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); r.points[mid].hash < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for n := range r.points {
		at := lo + n
		if at >= len(r.points) {
			at -= len(r.points)
		}
		if place := int(r.points[at].place); able[place] {
			return place
		}
	}
	return -1
}
