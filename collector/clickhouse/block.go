package clickhouse

import (
	"encoding/binary"
	"io"
	"slices"
	"sync"
)

// A block is rows on their way to the engine: small, and nothing for the collector of garbage
// to look through. A batch is made of one or more.

// Block is rows of a table. It does not change.
type Block[R any] struct {
	table *table[R]
	rows  int
	bytes []byte   // the cells of all columns in which something is set
	cuts  []uint32 // where each piece of each column ends in them
}

// pieces is how many a column's cells have.
const pieces = 4

// Rows is how many there are.
func (b *Block[R]) Rows() int { return b.rows }

// Size is about how much memory b takes, in bytes.
func (b *Block[R]) Size() int { return len(b.bytes) + 4*len(b.cuts) + 64 }

// cells are those of a column.
func (b *Block[R]) cells(column int) cells {
	c := cells{rows: b.rows}
	piece := func(i int) []byte {
		at, from := pieces*column+i, uint32(0)
		if at > 0 {
			from = b.cuts[at-1]
		}
		c.set = c.set || from < b.cuts[at]
		return b.bytes[from:b.cuts[at]:b.cuts[at]]
	}
	c.ends[0], c.ends[1], c.data[0], c.data[1] = piece(0), piece(1), piece(2), piece(3)
	return c
}

// Builder makes a Block. It is one goroutine's, and done with once it has.
type Builder[R any] struct {
	table *table[R]
	rows  int
	cells []cells
}

// NewSpans makes a block of spans.
func NewSpans() *Builder[SpanRow] { return spans().builder() }

// NewLogs makes a block of log rows.
func NewLogs() *Builder[LogRow] { return logs().builder() }

func (t *table[R]) builder() *Builder[R] {
	if b, ok := t.builders.Get().(*Builder[R]); ok {
		return b
	}
	return &Builder[R]{table: t, cells: make([]cells, len(t.columns))}
}

// Add adds a row, of which nothing is kept.
func (b *Builder[R]) Add(r *R) {
	b.rows++
	for i := range b.table.columns {
		b.table.columns[i].add(&b.cells[i], r)
	}
}

// Block is what was added.
func (b *Builder[R]) Block() *Block[R] {
	size := 0
	for i := range b.cells {
		c := &b.cells[i]
		size += len(c.ends[0]) + len(c.ends[1]) + len(c.data[0]) + len(c.data[1])
	}
	made := &Block[R]{b.table, b.rows, make([]byte, 0, size), make([]uint32, 0, pieces*len(b.cells))}
	for i := range b.cells {
		c := &b.cells[i]
		for _, piece := range [pieces]*[]byte{&c.ends[0], &c.ends[1], &c.data[0], &c.data[1]} {
			made.bytes = append(made.bytes, *piece...)
			made.cuts = append(made.cuts, uint32(len(made.bytes)))
			*piece = (*piece)[:0]
		}
		c.rows, c.set = 0, false
	}
	b.rows = 0
	b.table.builders.Put(b)
	return made
}

// blockOf is rows as a block.
func blockOf[R any](t *table[R], rows []R) *Block[R] {
	b := t.builder()
	for i := range rows {
		b.Add(&rows[i])
	}
	return b.Block()
}

// halves are the rows of b in two blocks.
func (b *Block[R]) halves() (first, second *Block[R]) {
	x, y, at := b.table.builder(), b.table.builder(), b.rows/2
	x.rows, y.rows = at, b.rows-at
	for i := range b.table.columns {
		c := b.cells(i)
		b.table.columns[i].cut(&c, at, &x.cells[i], &y.cells[i])
	}
	return x.Block(), y.Block()
}

// said are the columns in which something is set in one of the blocks, by their numbers.
func said[R any](blocks []*Block[R]) (columns []int) {
	for i := range blocks[0].table.columns {
		if slices.ContainsFunc(blocks, func(b *Block[R]) bool { return b.cells(i).set }) {
			columns = append(columns, i)
		}
	}
	return columns
}

// together are the cells of a column of some blocks that follow each other, in pieces that
// do.
func together[R any](blocks []*Block[R], column int) (ends, data [2][][]byte) {
	f := &blocks[0].table.columns[column]
	var before [2]uint64 // values of the blocks before
	for _, b := range blocks {
		c := b.cells(column)
		if !c.set {
			f.blank(&c, b.rows)
		}
		for i := range f.levels {
			ends[i] = append(ends[i], later(c.ends[i], before[i]))
			before[i] += last(c.ends[i])
		}
		for i := range c.data {
			data[i] = append(data[i], c.data[i])
		}
	}
	return ends, data
}

// later are the ends of lists where some values come before.
func later(ends []byte, before uint64) []byte {
	if before == 0 {
		return ends
	}
	moved := make([]byte, 0, len(ends))
	for ; len(ends) > 0; ends = ends[8:] {
		moved = binary.LittleEndian.AppendUint64(moved, before+binary.LittleEndian.Uint64(ends))
	}
	return moved
}

// native is columns of some blocks as one in the format Native.
func native[R any](blocks []*Block[R], columns []int) io.Reader {
	rows := rowsOf(blocks)
	head := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(len(columns))), uint64(rows))
	s := &stream{head}
	for _, i := range columns {
		f := &blocks[0].table.columns[i]
		*s = append(*s, texts.put(texts.put(nil, f.name), f.wire))
		ends, data := together(blocks, i)
		*s = append(*s, slices.Concat(ends[0], ends[1], data[0], data[1])...)
	}
	return s
}

func rowsOf[R any](blocks []*Block[R]) (n int) {
	for _, b := range blocks {
		n += b.rows
	}
	return n
}

// joined are the cells of a column of some blocks as those of one.
func joined[R any](blocks []*Block[R], column int) *cells {
	ends, data := together(blocks, column)
	c := &cells{rows: rowsOf(blocks), set: true}
	for i := range c.ends {
		c.ends[i], c.data[i] = slices.Concat(ends[i]...), slices.Concat(data[i]...)
	}
	return c
}

// stream reads pieces one after the other.
type stream [][]byte

// Read implements io.Reader.
func (s *stream) Read(b []byte) (n int, err error) {
	for len(*s) > 0 && n < len(b) {
		part := &(*s)[0]
		size := copy(b[n:], *part)
		n += size
		if *part = (*part)[size:]; len(*part) == 0 {
			*s = (*s)[1:]
		}
	}
	if n == 0 && len(*s) == 0 {
		return 0, io.EOF
	}
	return n, nil
}

var (
	spans = sync.OnceValue(spansTable)
	logs  = sync.OnceValue(logsTable)
	red   = sync.OnceValue(redTable)
)
