package serve

import (
	"io"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/pool"
)

// maxReplay is how much of a body is held so that it can be sent again.
const maxReplay = 64 << 10

// replay holds the beginning of a request body.
type replay struct {
	buf  []byte // borrowed
	size int
	lost bool // there was more than fits
}

func (r *replay) held() []byte { return r.buf[:r.size] }

func (r *replay) add(p []byte) {
	if r.lost {
		return
	}
	if r.size+len(p) > maxReplay {
		r.free()
		r.lost = true
		return
	}
	if r.size+len(p) > len(r.buf) {
		next := http1.Borrow(r.size + len(p))
		copy(next, r.held())
		http1.GiveBack(r.buf)
		r.buf = next
	}
	r.size += copy(r.buf[r.size:], p)
}

func (r *replay) free() {
	http1.GiveBack(r.buf)
	*r = replay{}
}

// upload is a request body on its way, in a goroutine of its own. The fields are
// its until done is closed.
type upload struct {
	done      chan struct{} // nil while there is none
	clientErr error         // reading the body went wrong
}

// pass hands on one piece of the request body.
func (h *h1) pass(up *pool.Conn) error {
	if !h.in.Ready() {
		h.x.slow = true
		h.conn.AwaitBody()
	}
	p, err := h.in.Next()
	if err == io.EOF { //nolint:errorlint // Next returns it bare
		return nil
	}
	if err != nil {
		if h.in.FlushError() == nil {
			h.upload.clientErr = err
		}
		return err
	}
	if err := h.took(p); err != nil {
		return err
	}
	return up.Out.Data(p)
}

// took notes a piece of the request body, which must not get too long by it.
func (h *h1) took(p []byte) error {
	h.x.rec.BytesIn += uint64(len(p))
	if in := &h.cfg.intake; in.tooLong(h.x.rec.BytesIn) {
		h.upload.clientErr = in.errTooLong()
		return h.upload.clientErr
	}
	h.replay.add(p)
	return nil
}

// startUpload sends the rest of the body while the answer is awaited.
func (h *h1) startUpload(up *pool.Conn) {
	h.upload = upload{done: make(chan struct{})}
	go func() { // stopUpload waits for it
		defer close(h.upload.done)
		if err := h.passAll(up); err != nil && h.upload.clientErr != nil {
			up.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // no answer will come of half a request
		}
	}()
}

func (h *h1) passAll(up *pool.Conn) error {
	h.in.FlushBefore(&up.Out)
	defer h.in.FlushBefore(nil)
	for !h.in.Done() {
		if err := h.pass(up); err != nil {
			return err
		}
	}
	h.x.whole()
	if err := up.Out.End(h.in.Trailers()); err != nil {
		return err
	}
	return up.Out.Flush()
}

// uploading reports whether the body is still being sent.
func (h *h1) uploading() bool {
	if h.upload.done == nil {
		return false
	}
	select {
	case <-h.upload.done:
		return false
	default:
		return true
	}
}

// settleUpload gives the upload a moment to end by itself.
func (h *h1) settleUpload(moment time.Duration) {
	if !h.uploading() {
		return
	}
	t := time.NewTimer(moment)
	defer t.Stop()
	select {
	case <-h.upload.done:
	case <-t.C:
	}
}

// stopUpload ends the upload if there is one. What the client has sent but was not
// read stays where it is.
func (h *h1) stopUpload() {
	if h.upload.done == nil {
		return
	}
	if h.uploading() {
		h.nc.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // a closed connection reads no more either
		if h.up != nil {
			h.up.SetWriteDeadline(time.Unix(1, 0)) //nolint:errcheck // as above
			h.up.Deadline = true                   // the upload may just have ended well: the next request must not meet it
		}
		if h.far != nil {
			h.far.stop()
		}
		<-h.upload.done
		h.nc.SetReadDeadline(time.Time{}) //nolint:errcheck // the next read tells
		h.upload.clientErr = nil
	}
	h.upload.done = nil
}
