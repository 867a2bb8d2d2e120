// Package socket asks the kernel about a connection without reading from it:
// whether its peer has gone, whether bytes wait, and what the first ones are. A
// proxy needs that to reuse idle connections safely, to notice a client that hung
// up while its answer is being made, and to tell protocols apart. And it reads and
// writes for less than the net package does: see [Recv].
//
// Connections that are not sockets of the kernel (pipes in tests) look alive, quiet
// and undecided. TLS connections are looked at below their encryption.
package socket

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// below returns the socket under c, through TLS; nil if there is none.
func below(c net.Conn) syscall.RawConn {
	for {
		t, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = t.NetConn()
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// Socket answers questions about one connection without allocating. It is not safe
// for concurrent use; several of one connection are.
type Socket struct {
	raw syscall.RawConn // nil for what is not a socket
	probe
}

// Of finds the socket under c.
func Of(c net.Conn) *Socket {
	s := &Socket{raw: below(c)}
	s.prepare()
	return s
}

// End is how far the other side has closed a connection.
type End uint8

// The ends of a connection.
const (
	Connected  End = iota
	HalfClosed     // it sends no more, but may still read
	Gone           // it was reset
)

// Peek waits for bytes and copies up to len(p) of them without taking them out. It
// returns after at least min bytes, or fewer when they do not come within patience
// after the first. It returns io.EOF when the peer has closed, and
// errors.ErrUnsupported for what is not a socket.
func Peek(c net.Conn, p []byte, minimum int, patience time.Duration) (int, error) {
	raw := below(c)
	if raw == nil {
		return 0, errors.ErrUnsupported
	}
	const pause = 2 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		n, err := peekOnce(raw, p)
		if err != nil || n >= minimum || waited >= patience {
			return n, err
		}
		time.Sleep(pause)
	}
}

// peekOnce waits for at least one byte.
func peekOnce(raw syscall.RawConn, p []byte) (n int, err error) {
	waitErr := raw.Read(func(fd uintptr) bool {
		for {
			n, _, err = syscall.Recvfrom(int(fd), p, syscall.MSG_PEEK)
			if !errors.Is(err, syscall.EINTR) {
				return !errors.Is(err, syscall.EAGAIN)
			}
		}
	})
	switch {
	case waitErr != nil:
		return 0, waitErr
	case err != nil:
		return 0, err
	case n <= 0:
		return 0, io.EOF
	}
	return n, nil
}
