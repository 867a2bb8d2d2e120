package clickhouse

import (
	"encoding/binary"
	"math"
	"reflect"
)

// kind is a type of a column's values, which may be lists and maps of scalars.
type kind[T any] struct {
	wire   string
	levels int                // of lists that the values lie in
	put    func(*cells, T)    // adds one
	take   func(*cells) []T   // gives all back
	none   func(value T) bool // it is what the column is without one; nil where that must be said
}

// cells are the values of one column, in the format Native but in pieces.
type cells struct {
	rows int
	set  bool      // not all are what the column is without a value; else there is nothing below
	ends [2][]byte // UInt64 each: where the lists end, and the lists in lists
	data [2][]byte // the values; of maps the keys, and the values
}

// end adds where a list of so many values ends.
func (c *cells) end(level, n int) {
	c.ends[level] = binary.LittleEndian.AppendUint64(c.ends[level], last(c.ends[level])+uint64(n))
}

// last is where the last of some lists ends.
func last(ends []byte) uint64 {
	if len(ends) == 0 {
		return 0
	}
	return binary.LittleEndian.Uint64(ends[len(ends)-8:])
}

// lengths are those of the lists of a level.
func (c *cells) lengths(level int) []int {
	var all []int
	before := uint64(0)
	for b := c.ends[level]; len(b) > 0; b = b[8:] {
		end := binary.LittleEndian.Uint64(b)
		all = append(all, int(end-before))
		before = end
	}
	return all
}

// values reads n of them, and leaves the rest in b.
func values[T any](s scalar[T], b *[]byte, n int) []T {
	all := make([]T, n)
	for i := range all {
		var size int
		all[i], size = s.get(*b)
		*b = (*b)[size:]
	}
	return all
}

// each is a column of scalars.
func each[T any](s scalar[T], none func(T) bool) kind[T] {
	return kind[T]{
		wire: s.wire, none: none,
		put:  func(c *cells, v T) { c.data[0] = s.put(c.data[0], v) },
		take: func(c *cells) []T { b := c.data[0]; return values(s, &b, c.rows) },
	}
}

// list is a column of lists.
func list[T any](s scalar[T]) kind[[]T] {
	return kind[[]T]{
		wire: "Array(" + s.wire + ")", levels: 1,
		none: func(v []T) bool { return len(v) == 0 },
		put: func(c *cells, all []T) {
			for _, v := range all {
				c.data[0] = s.put(c.data[0], v)
			}
			c.end(0, len(all))
		},
		take: func(c *cells) (rows [][]T) {
			b := c.data[0]
			for _, n := range c.lengths(0) {
				rows = append(rows, values(s, &b, n))
			}
			return rows
		},
	}
}

// mapOf is a column of maps.
func mapOf[K comparable, V any](k scalar[K], v scalar[V]) kind[map[K]V] {
	return kind[map[K]V]{
		wire: "Map(" + k.wire + ", " + v.wire + ")", levels: 1,
		put: func(c *cells, m map[K]V) {
			for key, value := range m {
				c.data[0], c.data[1] = k.put(c.data[0], key), v.put(c.data[1], value)
			}
			c.end(0, len(m))
		},
		take: func(c *cells) (rows []map[K]V) {
			keys, all := c.data[0], c.data[1]
			for _, n := range c.lengths(0) {
				rows = append(rows, mapped(values(k, &keys, n), values(v, &all, n)))
			}
			return rows
		},
	}
}

func mapped[K comparable, V any](keys []K, values []V) map[K]V {
	m := make(map[K]V, len(keys))
	for i, k := range keys {
		m[k] = values[i]
	}
	return m
}

// pairsKind is a column of maps whose keys have an order.
func pairsKind[V any]() kind[*Pairs[V]] {
	s := scalarOf[V]()
	return kind[*Pairs[V]]{
		wire: "Map(String, " + s.wire + ")", levels: 1,
		none: func(p *Pairs[V]) bool { return p == nil || len(*p) == 0 },
		put: func(c *cells, p *Pairs[V]) {
			if p == nil {
				c.end(0, 0)
				return
			}
			for i := range *p {
				one := &(*p)[i]
				c.data[0], c.data[1] = texts.put(c.data[0], one.Key), s.put(c.data[1], one.Value)
			}
			c.end(0, len(*p))
		},
		take: func(c *cells) (rows []*Pairs[V]) {
			keys, all := c.data[0], c.data[1]
			for _, n := range c.lengths(0) {
				p := &Pairs[V]{}
				named := values(texts, &keys, n)
				for i, v := range values(s, &all, n) {
					p.Add(named[i], v)
				}
				rows = append(rows, p)
			}
			return rows
		},
	}
}

// mapLists is a column of lists of maps.
func mapLists() kind[[]map[string]string] {
	return kind[[]map[string]string]{
		wire: "Array(Map(String, String))", levels: 2,
		none: func(all []map[string]string) bool { return len(all) == 0 },
		put: func(c *cells, all []map[string]string) {
			for _, m := range all {
				for k, v := range m {
					c.data[0], c.data[1] = texts.put(c.data[0], k), texts.put(c.data[1], v)
				}
				c.end(1, len(m))
			}
			c.end(0, len(all))
		},
		take: func(c *cells) (rows [][]map[string]string) {
			keys, all, sizes := c.data[0], c.data[1], c.lengths(1)
			for _, n := range c.lengths(0) {
				maps := make([]map[string]string, n)
				for i, size := range sizes[:n] {
					maps[i] = mapped(values(texts, &keys, size), values(texts, &all, size))
				}
				sizes = sizes[n:]
				rows = append(rows, maps)
			}
			return rows
		},
	}
}

// fixedKind is a column of ids of so many bytes.
func fixedKind(wire string, size int) kind[[]byte] {
	return kind[[]byte]{
		wire: wire,
		put: func(c *cells, id []byte) {
			c.data[0] = append(c.data[0], id[:min(len(id), size)]...)
			c.data[0] = append(c.data[0], make([]byte, max(size-len(id), 0))...)
		},
		take: func(c *cells) (rows [][]byte) {
			for b := c.data[0]; len(b) > 0; b = b[size:] {
				rows = append(rows, b[:size:size])
			}
			return rows
		},
	}
}

func zero[T comparable](v T) bool { var none T; return v == none }

// kindOf is the one for values of T. Numbers for which 0 is as good as any other are sent in
// any case: for those few it is not worth looking.
func kindOf[T any]() kind[T] {
	for _, k := range []any{
		each(texts, zero), each(bools, zero), each(uint8s, zero), each(uint16s, zero), each(uint64s, zero), each(int64s, zero),
		each(doubles, func(n float64) bool { return n == 0 && !math.Signbit(n) }),
		each(int8s, nil), each(int16s, nil), each(times, nil),
		list(int32s), list(doubles), list(texts), list(times),
		mapOf(texts, texts), mapOf(int16s, uint64s), mapLists(),
	} {
		if k, ok := k.(kind[T]); ok {
			return k
		}
	}
	panic("clickhouse: there is no column for " + reflect.TypeFor[T]().String()) // a test makes every column
}
