package serve

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

var errTryEnded = errors.New("the try that read this body has ended")

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// repeatBody is a request body of which the beginning is held, so that several
// tries can read it one after the other.
type repeatBody struct {
	src io.ReadCloser

	reading sync.Mutex // held while src is read, which may take long

	mu      sync.Mutex // guards what follows
	held    replay
	total   uint64
	err     error // of src, io.EOF included
	current *tryBody
	over    bool // no try will follow
}

func newRepeatBody(src io.ReadCloser) *repeatBody { return &repeatBody{src: src} }

// try returns the body from its beginning, and ends the one returned before.
func (b *repeatBody) try() io.ReadCloser {
	if b.src == nil || b.src == http.NoBody {
		return http.NoBody
	}
	t := &tryBody{of: b}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current = t
	return t
}

// again is try for whom it may be too late.
func (b *repeatBody) again() (io.ReadCloser, error) {
	if !b.whole() {
		return nil, errTryEnded
	}
	return b.try(), nil
}

// whole reports whether everything read so far is held.
func (b *repeatBody) whole() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.held.lost
}

func (b *repeatBody) size() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total
}

// end gives the buffer back; nothing can be read any more.
func (b *repeatBody) end() {
	if b.src != nil {
		b.src.Close()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current, b.over = nil, true
	b.held.free()
}

// tryBody is the body as one try reads it.
type tryBody struct {
	of *repeatBody
	at int // how much of what is held was read
}

// Read implements io.Reader. What it takes from the client while its try ends is
// held for the next one.
func (t *tryBody) Read(p []byte) (int, error) {
	if n, err := t.readHeld(p); n > 0 || err != nil {
		return n, err
	}
	b := t.of
	b.reading.Lock()
	defer b.reading.Unlock()
	if n, err := t.readHeld(p); n > 0 || err != nil { // another try's read came first
		return n, err
	}
	n, err := b.src.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total += uint64(n)
	b.err = err
	if !b.over {
		b.held.add(p[:n])
	}
	t.at = b.held.size
	if b.current != t {
		return 0, errTryEnded
	}
	return n, err
}

// Close implements io.Closer.
func (t *tryBody) Close() error {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if t.of.current == t {
		t.of.current = nil
	}
	return nil
}

// readHeld reads what an earlier try has read, (0, nil) if there is no more.
func (t *tryBody) readHeld(p []byte) (int, error) {
	b := t.of
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.current != t:
		return 0, errTryEnded
	case t.at < b.held.size:
		n := copy(p, b.held.held()[t.at:])
		t.at += n
		return n, nil
	}
	return 0, b.err
}
