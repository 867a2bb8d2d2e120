package serve

import (
	"errors"
	"io"

	"github.com/sightline-mesh/sightline/proxy/http2"
)

// uploadOnH2 sends the body while the answer is awaited.
func (h *h1) uploadOnH2(t *onH2) {
	h.upload = upload{done: make(chan struct{})}
	go func() { // stopUpload waits for it
		defer close(h.upload.done)
		if err := h.passAllOnH2(t); err != nil && h.upload.clientErr != nil {
			t.stream.Reset(http2.Cancel)
			t.stream.Flush()
			t.wake.Wake()
		}
	}()
}

func (h *h1) passAllOnH2(t *onH2) error {
	if err := t.send(h.replay.held()); err != nil {
		return err
	}
	for !h.in.Done() {
		h.x.slow = h.x.slow || !h.in.Ready()
		p, err := h.in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			h.upload.clientErr = err
			return err
		}
		if err := h.took(p); err != nil {
			return err
		}
		if err := t.send(p); err != nil {
			return err
		}
		if !h.in.Ready() {
			t.stream.Flush()
		}
	}
	h.x.whole()
	if trailers := trailersOf(h.in.Trailers()); trailers != nil {
		t.stream.SendTrailers(trailers)
	} else if _, done := t.stream.SendLast(nil); !done {
		if err := t.sendEnd(); err != nil {
			return err
		}
	}
	t.stream.Flush()
	return nil
}

// send sends all of p, when the windows allow it.
func (t *onH2) send(p []byte) error {
	for len(p) > 0 {
		n := t.stream.Send(p)
		if p = p[n:]; len(p) == 0 {
			break
		}
		if err := t.await(); err != nil {
			return err
		}
	}
	return t.stream.Err()
}

func (t *onH2) sendEnd() error {
	for {
		if _, done := t.stream.SendLast(nil); done {
			return nil
		}
		if err := t.await(); err != nil {
			return err
		}
	}
}

func (t *onH2) await() error {
	t.stream.Flush()
	if err := t.stream.Err(); err != nil {
		return err
	}
	<-t.more
	return nil
}

// stop ends the upload.
func (t *onH2) stop() {
	t.stream.Reset(http2.Cancel)
	t.more.Wake()
}
