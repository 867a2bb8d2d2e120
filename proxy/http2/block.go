package http2

import (
	"errors"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// kind is what a header block is.
type kind uint8

const (
	requestHead kind = iota
	responseHead
	trailers
	unwanted // decoded for the sake of the tables only
)

// block reads header blocks, one at a time, into a Head that is not shared.
type block struct {
	dec  *hpack.Decoder
	head Head
	kind kind

	bad      error // the first rule that the block breaks
	tooLarge bool  // the list was larger than maxHeadBytes; the rest is left out
	regular  bool  // a field that is not a pseudo-header field was seen
	seen     pseudo

	encoded   int // bytes and fragments so far
	fragments int
}

func (b *block) init() {
	b.dec = hpack.NewDecoder(tableSize, b.field)
	b.dec.SetMaxStringLength(maxHeadString)
}

func (b *block) begin(k kind) {
	b.head.Reset()
	b.kind, b.bad, b.tooLarge, b.regular, b.seen = k, nil, false, false, 0
	b.encoded, b.fragments = 0, 0
	b.dec.SetEmitEnabled(k != unwanted)
}

// fragment decodes a piece of the block.
func (b *block) fragment(p []byte) error {
	b.encoded += len(p)
	b.fragments++
	if b.encoded > maxBlockBytes || b.fragments > maxContinuations+1 {
		return connErrorf(http2.ErrCodeEnhanceYourCalm, "header block of more than %d bytes or %d frames", maxBlockBytes, maxContinuations+1)
	}
	_, err := b.dec.Write(p)
	switch {
	case errors.Is(err, hpack.ErrStringLength):
		return connErrorf(http2.ErrCodeEnhanceYourCalm, "header field of more than %d bytes", maxHeadString)
	case err != nil:
		return connErrorf(http2.ErrCodeCompression, "header block: %v", err)
	}
	return nil
}

// end checks the block as a whole.
func (b *block) end() error {
	if err := b.dec.Close(); err != nil {
		return connErrorf(http2.ErrCodeCompression, "header block: %v", err)
	}
	if b.bad == nil && !b.tooLarge && b.kind != unwanted {
		b.bad = b.complete()
	}
	return nil
}

// field takes one field from the decoder.
func (b *block) field(f Field) {
	b.head.size += int(f.Size())
	if b.head.size > maxHeadBytes {
		b.tooLarge = true
		b.dec.SetEmitEnabled(false)
		return
	}
	if b.bad != nil {
		return
	}
	if f.IsPseudo() {
		b.bad = b.pseudo(f)
		return
	}
	b.regular = true
	if b.bad = b.check(f); b.bad == nil {
		b.head.Fields = append(b.head.Fields, f)
	}
}

// readBlock reads the block that f begins, to its end.
func (c *conn) readBlock(f *http2.HeadersFrame, k kind) error {
	b := &c.block
	b.begin(k)
	if err := b.fragment(f.HeaderBlockFragment()); err != nil {
		return err
	}
	if f.HeadersEnded() {
		return b.end()
	}
	c.blockSince.Store(time.Now().UnixNano())
	defer c.blockSince.Store(0)
	for {
		fh, err := c.fr.ReadFrameHeader()
		if err != nil {
			return err
		}
		next, err := c.fr.ReadFrameForHeader(fh)
		if err != nil {
			return err
		}
		cf, ok := next.(*http2.ContinuationFrame)
		if !ok { // the Framer has seen to it
			return connErrorf(http2.ErrCodeProtocol, "%v inside a header block", fh.Type)
		}
		if err := b.fragment(cf.HeaderBlockFragment()); err != nil {
			return err
		}
		if cf.HeadersEnded() {
			return b.end()
		}
	}
}
