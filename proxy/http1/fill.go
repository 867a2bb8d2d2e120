package http1

import (
	"io"
	"os"
	"syscall"

	"github.com/sightline-mesh/sightline/proxy/socket"
)

// read lets poll read from the connection.
func (r *Reader) read() (int, error) {
	r.pollN, r.err = 0, nil
	if err := r.raw.Read(r.poll); err != nil {
		return 0, err
	}
	if r.err == nil && r.pollN == 0 {
		return 0, io.EOF
	}
	return r.pollN, r.err
}

// readReady is one attempt at a read. While a message is awaited it reads into a
// buffer borrowed for the occasion, and gives it back if there is nothing yet.
func (r *Reader) readReady(fd uintptr) bool {
	buf, at := r.buf, r.w
	if r.await {
		buf, at = buffers.borrow(r.usual()), 0
	}
	n, err := socket.Recv(fd, buf[at:])
	if err == nil && n > 0 {
		r.pollN = n
		if r.await {
			r.buf, r.r, r.w, r.base = buf, 0, n, 0
		}
		return true
	}
	if r.await {
		buffers.giveBack(buf)
	}
	if err == syscall.EAGAIN { //nolint:errorlint // Recv returns it bare
		r.err = r.beforeWait()
		r.hasten(fd)
		return r.err != nil
	}
	if err != nil {
		r.err = os.NewSyscallError("read", err)
	}
	return true
}

// hasten has the rest of a message sent by a peer that waits to hear of its beginning.
// Once in each is enough: head and body are what such peers write apart.
func (r *Reader) hasten(fd uintptr) {
	if !r.hastened && (r.w > r.r || !r.Done()) {
		r.hastened = true
		socket.Acknowledge(fd)
	}
}

// beforeWait is called before a read waits.
func (r *Reader) beforeWait() error {
	if r.flush != nil && r.flushErr == nil {
		r.flushErr = r.flush.Flush()
	}
	return r.flushErr
}

// usual is the size of buffer that the next message is likely to need.
func (r *Reader) usual() int {
	if r.large > 0 {
		return bulkBuffer
	}
	return smallBuffer
}

// awaitByte waits for the first byte in the Reader itself. For TLS the rest of the
// record is then already there.
func (r *Reader) awaitByte() error {
	n, err := io.ReadFull(r.src, r.one[:])
	if n == 0 {
		return err
	}
	r.buf = buffers.borrow(r.usual())
	r.buf[0], r.r, r.w, r.base = r.one[0], 0, 1, 0
	return nil
}

// fill reads at least one more byte after w.
func (r *Reader) fill() error {
	if r.moved != nil {
		defer r.moved.Add(1)
	}
	r.makeRoom()
	if r.raw != nil {
		n, err := r.read()
		r.w += n
		return err
	}
	if !r.told {
		if err := r.beforeWait(); err != nil {
			return err
		}
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.w:])
		if n > 0 {
			r.w += n
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom leaves space after w: by starting over when all is used, by moving what
// is unread down, or by a larger buffer. It never touches a head in use.
func (r *Reader) makeRoom() {
	full := r.w == len(r.buf)
	if r.r == r.w {
		r.r, r.w = r.base, r.base
	}
	switch {
	case r.buf == nil:
		r.buf = buffers.borrow(r.usual())
	case !full:
	case r.r == r.w && len(r.buf)-r.base >= bulkBuffer/2: // bulk, and room for it
	case r.r > r.base && r.w-r.r < (len(r.buf)-r.base)/2:
		r.w = r.base + copy(r.buf[r.base:], r.buf[r.r:r.w])
		r.r = r.base
	default:
		r.grow()
	}
}

// grow goes on in the next larger buffer and keeps the old one if a head is in it.
func (r *Reader) grow() {
	next := buffers.borrow(max(bulkBuffer, min(headBuffer, 2*(r.w-r.r))))
	n := copy(next, r.buf[r.r:r.w])
	if r.base > 0 {
		r.pinned = r.buf
	} else {
		buffers.giveBack(r.buf)
	}
	r.buf, r.base, r.r, r.w = next, 0, 0, n
}
