package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
)

// appendSize is how much of an insert's data goes to the engine at a time.
const appendSize = 256 << 10

// Insert runs an INSERT that has neither VALUES nor FORMAT, with data in the
// statement's format. Once it returns without an error the rows are stored: they
// survive the death of the process. Otherwise blocks that were already whole may be
// stored. An error of data ends the insert and is returned as it is; what the engine
// refuses is an *Error.
func (e *Engine) Insert(ctx context.Context, s Statement, data io.Reader) (Summary, error) {
	c, err := e.writers.get(ctx, &s)
	if err != nil {
		return Summary{}, err
	}
	defer e.writers.put(c)
	defer e.guard(ctx, &s)()
	in := inserter{conn: c, stream: c.call(c.lib.insertParams, &s)}
	defer c.lib.insertDestroy(in.stream)
	if err := in.err(); err != nil {
		return Summary{}, err
	}
	if err := in.fill(data); err != nil {
		c.lib.insertCancel(in.stream)
		return Summary{}, cause(ctx, err)
	}
	r := result{c.lib, c.lib.insertDone(in.stream)}
	defer r.destroy()
	if err := r.err(); err != nil {
		return Summary{}, cause(ctx, err)
	}
	return r.summary(), nil
}

// inserter is one insert that waits for its data.
type inserter struct {
	conn   *conn
	stream uintptr
}

func (in inserter) err() error {
	if text := in.conn.lib.insertError(in.stream); text != "" {
		return parseError(text)
	}
	return nil
}

// fill appends data until its end. A source that breaks off says io.ErrUnexpectedEOF
// and so cannot be taken for one that is complete.
func (in inserter) fill(data io.Reader) error {
	buf := make([]byte, appendSize)
	for {
		n, err := readSome(data, buf)
		if n > 0 && in.conn.lib.insertAppend(in.stream, &buf[0], uintptr(n)) != 0 {
			return cmp.Or[error](in.err(), errors.New("append to insert: refused"))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read data to insert: %w", err)
		}
	}
}

// readSome fills buf as far as it can and returns the source's own error.
func readSome(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}
