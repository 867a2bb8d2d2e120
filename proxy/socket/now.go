package socket

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Recv reads what there is on a descriptor into p, without waiting. It returns 0 bytes
// and no error at the end of what the peer sends, and [syscall.EAGAIN] as it is when
// nothing has come.
func Recv(fd uintptr, p []byte) (int, error) {
	for {
		switch n, errno := recv(fd, p, 0); errno {
		case 0:
			return n, nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// Writer writes to a connection like its Write, for less: see Recv. It is not safe for
// concurrent use. The zero value needs a Reset.
type Writer struct {
	raw  syscall.RawConn
	call func(fd uintptr) bool
	p    []byte
	n    int
	err  error
}

// Reset makes it write to c, and reports whether that is a socket. To what is not
// nothing must be written with it.
func (w *Writer) Reset(c io.Writer) bool {
	*w = Writer{}
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	w.raw, w.call = raw, w.send
	return true
}

// Write implements io.Writer. It returns when all of p is written.
func (w *Writer) Write(p []byte) (int, error) {
	w.p, w.n, w.err = p, 0, nil
	err := w.raw.Write(w.call)
	w.p = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

// send is one attempt, with the descriptor held; it reports whether there is to be no
// other.
func (w *Writer) send(fd uintptr) bool {
	for w.n < len(w.p) {
		switch n, errno := send(fd, w.p[w.n:]); errno {
		case 0:
			w.n += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			w.err = &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", errno)}
			return true
		}
	}
	return true
}
