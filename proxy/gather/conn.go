// Package gather lies between TLS, or HTTP/2 without it, and a socket. It saves system calls: records that
// belong together leave in one write, and whoever relays what is read learns that a
// read is about to wait, so that until then it need not send on every piece.
//
// crypto/tls writes each record by itself and hides what it has read ahead; both cost
// a proxy a system call, a packet and the waking of its peer for every 16 KiB.
package gather

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/sightline-mesh/sightline/proxy/socket"
)

// ErrCut is a connection that its peer's system has ended. Of TLS it is no proper end,
// which is a close_notify, and says nothing of what the peer has read and done. (For
// crypto/tls an io.EOF from below would be as good as a close_notify.)
var ErrCut = errors.New("connection ended without a close_notify")

// held is how much is gathered before it is written in any case: four full records.
const held = 4 * (16<<10 + 256)

// buffers lends memory to connections while they gather.
var buffers = sync.Pool{New: func() any { return new([held]byte) }}

// Conn is a socket whose writes can be held back for a moment. Reads are for one
// goroutine at a time, as are Hold and Release; all else is safe for concurrent use.
type Conn struct {
	net.Conn

	// Of the read under way.
	raw   syscall.RawConn // nil for what is not a socket
	poll  func(fd uintptr) bool
	p     []byte
	n     int
	err   error
	await func() error
	end   error // of Read, when the peer's system has ended the connection

	mu      sync.Mutex // guards what follows
	out     io.Writer  // the socket, or Conn
	sock    socket.Writer
	holding bool
	buf     *[held]byte // nil while nothing is held
	used    int
}

// New lies on c, below TLS. It may be anything; what is not a socket is only passed on to.
func New(c net.Conn) *Conn { return lieOn(c, ErrCut) }

// Plain is New for a connection without TLS: its end is io.EOF.
func Plain(c net.Conn) *Conn { return lieOn(c, io.EOF) }

func lieOn(c net.Conn, end error) *Conn {
	g := &Conn{Conn: c, out: c, end: end}
	if g.sock.Reset(c) {
		g.out = &g.sock
	}
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			g.raw, g.poll = raw, g.readReady
		}
	}
	return g
}

// NetConn returns the connection below.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// OnWait sets what is called before a read waits because nothing has come. Its error
// ends the read, and with it a TLS connection. It reports false when waiting cannot
// be told of. It must be called before the first Read, or by whoever reads.
func (c *Conn) OnWait(f func() error) bool {
	c.await = f
	return c.raw != nil
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if c.raw == nil || len(p) == 0 {
		return c.Conn.Read(p)
	}
	c.p, c.n, c.err = p, 0, nil
	err := c.raw.Read(c.poll)
	c.p = nil
	switch {
	case err != nil:
		return 0, err
	case c.err != nil:
		return 0, c.err
	case c.n == 0:
		return 0, c.end
	}
	return c.n, nil
}

// Hold holds back what is written until Release.
func (c *Conn) Hold() {
	c.mu.Lock()
	c.holding = true
	c.mu.Unlock()
}

// Release writes what was held back.
func (c *Conn) Release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	return c.flush()
}

// Write implements net.Conn. What is held back counts as written.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.holding {
		return c.out.Write(p)
	}
	if c.used+len(p) > held {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) > held {
		return c.out.Write(p)
	}
	if c.buf == nil {
		c.buf = buffers.Get().(*[held]byte)
	}
	c.used += copy(c.buf[c.used:], p)
	return len(p), nil
}

// CloseWrite ends the sending side.
func (c *Conn) CloseWrite() error {
	h, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return syscall.EOPNOTSUPP
	}
	return h.CloseWrite()
}

// readReady is one attempt at a read, with the descriptor held.
func (c *Conn) readReady(fd uintptr) bool {
	n, err := socket.Recv(fd, c.p)
	switch {
	case err == syscall.EAGAIN: //nolint:errorlint // Recv returns it bare
		if c.await != nil {
			c.err = c.await()
		}
		return c.err != nil
	case err != nil:
		c.err = &net.OpError{
			Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("read", err),
		}
	}
	c.n = n
	return true
}

// flush writes what is held; c.mu is held.
func (c *Conn) flush() error {
	if c.buf == nil {
		return nil
	}
	_, err := c.out.Write(c.buf[:c.used])
	buffers.Put(c.buf)
	c.buf, c.used = nil, 0
	return err
}
