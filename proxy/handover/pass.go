package handover

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Giver passes connections on to the process that goes on. It is safe for concurrent
// use.
type Giver struct {
	names []string // of the listeners, as the taker knows them

	mu sync.Mutex // orders messages
	to *net.UnixConn
}

// maxListeners bounds what one byte can name.
const maxListeners = 256

// NewGiver passes connections of these listeners on.
func NewGiver(to *net.UnixConn, names []string) (*Giver, error) {
	if len(names) > maxListeners {
		return nil, fmt.Errorf("pass connections on: %d listeners, want at most %d", len(names), maxListeners)
	}
	return &Giver{names: names, to: to}, nil
}

// Give passes a connection on that came in at a listener. It reports whether the other
// process has it now: the caller must then forget it without shutting it down. Nothing
// that was read from it may be missing to who reads on.
func (g *Giver) Give(c net.Conn, listener string) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	for i, name := range g.names {
		if name == listener {
			return g.send(s, byte(i)) == nil
		}
	}
	return false
}

// Close says that there is nothing more to come.
func (g *Giver) Close() error { return g.to.Close() }

func (g *Giver) send(c syscall.Conn, listener byte) error {
	f, err := Duplicate(c, "connection")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it is on its way
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _, err = g.to.WriteMsgUnix([]byte{listener}, unix.UnixRights(int(f.Fd())), nil)
	return err
}

// Take hands every connection that comes to put, with the name of its listener, until
// the giver has closed. Descriptors that are no connections of a known listener are
// closed.
func Take(from *net.UnixConn, names []string, put func(listener string, c net.Conn)) error {
	for {
		listener, f, err := receive(from)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("take connections over: %w", err)
		case f == nil:
			continue
		}
		c, err := net.FileConn(f)
		_ = f.Close() // the connection has its own
		switch {
		case err != nil:
			continue
		case int(listener) >= len(names):
			_ = c.Close()
			continue
		}
		put(names[listener], c)
	}
}

// receive reads one message; a file comes with it.
func receive(from *net.UnixConn) (listener byte, f *os.File, err error) {
	var b [1]byte
	rights := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := from.ReadMsgUnix(b[:], rights)
	switch {
	case err != nil:
		return 0, nil, err
	case n == 0:
		return 0, nil, io.EOF
	}
	messages, err := unix.ParseSocketControlMessage(rights[:oobn])
	if err != nil {
		return 0, nil, err
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return 0, nil, err
		}
		for _, fd := range fds { // there is room for one
			unix.CloseOnExec(fd)
			return b[0], os.NewFile(uintptr(fd), "connection"), nil
		}
	}
	return b[0], nil, nil
}
