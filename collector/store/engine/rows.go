package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Rows is the result of one statement in its output format, chunk by chunk. It
// belongs to one goroutine.
type Rows struct {
	ctx     context.Context //nolint:containedctx // the statement's own, for the cause of its end
	conn    *conn
	from    *pool
	release func()

	stream  result // of a streamed statement
	whole   result // of any other; given once
	chunk   result // what the last Next returned
	summary Summary
	ended   bool
}

// Next returns the next chunk, which is valid until the next call of Next or Close.
// At the end it is io.EOF, however often it is called.
func (r *Rows) Next() ([]byte, error) {
	r.drop(&r.chunk)
	if r.ended {
		return nil, io.EOF
	}
	if r.stream.handle == 0 {
		r.ended = true
		r.summary = r.whole.summary()
		return orEOF(r.whole.bytes())
	}
	r.chunk = result{r.conn.lib, r.conn.lib.streamFetch(r.conn.raw(), r.stream.handle)}
	if err := r.chunk.err(); err != nil {
		r.ended = true
		return nil, r.cause(err)
	}
	r.summary = r.summary.add(r.chunk.summary())
	b := r.chunk.bytes()
	r.ended = len(b) == 0
	return orEOF(b)
}

// Summary is what the statement has done so far.
func (r *Rows) Summary() Summary { return r.summary }

// Close ends the statement if it still runs and gives its session back. It may be
// called more than once.
func (r *Rows) Close() {
	if r.conn == nil {
		return
	}
	r.drop(&r.chunk)
	if r.stream.handle != 0 && !r.ended {
		r.conn.lib.streamCancel(r.conn.raw(), r.stream.handle)
	}
	r.drop(&r.stream)
	r.drop(&r.whole)
	r.release()
	r.from.put(r.conn)
	r.conn, r.ended = nil, true
}

// cause puts the reason why the caller ended the statement before the engine's.
func (r *Rows) cause(err error) error { return cause(r.ctx, err) }

func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

func (*Rows) drop(r *result) {
	if r.handle != 0 {
		r.destroy()
		r.handle = 0
	}
}

func orEOF(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, io.EOF
	}
	return b, nil
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
