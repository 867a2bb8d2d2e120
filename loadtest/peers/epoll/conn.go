package epoll

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Conn is a socket that never blocks, with what was read and not used yet, and what
// could not be written yet.
type Conn struct {
	FD  int
	in  []byte
	out []byte
}

// firstRead is what a read asks for at least.
const firstRead = 4 << 10

// Fill reads once what has come. io.EOF is the end of the other side.
func (c *Conn) Fill() error {
	if cap(c.in)-len(c.in) < firstRead {
		grown := make([]byte, len(c.in), 2*cap(c.in)+firstRead)
		copy(grown, c.in)
		c.in = grown
	}
	n, err := unix.Read(c.FD, c.in[len(c.in):cap(c.in)])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return io.EOF
	}
	c.in = c.in[:len(c.in)+n]
	return nil
}

// Unread is what was read and not used. It is good until the next Fill or Use.
func (c *Conn) Unread() []byte { return c.in }

// Use takes n bytes off what was read.
func (c *Conn) Use(n int) { c.in = c.in[:copy(c.in, c.in[n:])] }

// Write writes b, or keeps what the kernel does not take now: p then tells when to
// Flush. b may be changed afterwards.
func (c *Conn) Write(p *Poller, b []byte) error {
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		return nil
	}
	n, err := c.write(b)
	if err != nil || n == len(b) {
		return err
	}
	c.out = append(c.out, b[n:]...)
	return p.Change(c.FD, ReadWrite)
}

// Flush writes what was kept.
func (c *Conn) Flush(p *Poller) error {
	n, err := c.write(c.out)
	if err != nil {
		return err
	}
	c.out = c.out[:copy(c.out, c.out[n:])]
	if len(c.out) > 0 {
		return nil
	}
	return p.Change(c.FD, Read)
}

// Close closes the socket.
func (c *Conn) Close() error { return unix.Close(c.FD) }

func (c *Conn) write(b []byte) (int, error) {
	n, err := unix.Write(c.FD, b)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("write: %w", err)
	}
	return n, nil
}
