package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// probe is what a look needs, kept so that looking allocates nothing.
type probe struct {
	fds   [1]unix.PollFd
	call  func(fd uintptr)
	peek  func(fd uintptr)
	byte  [1]byte
	quiet bool
}

func (s *Socket) prepare() { s.call, s.peek = s.poll, s.lookAhead }

// Quiet reports whether the peer is there and nothing waits to be read: what an
// idle connection must be to carry another request. It does not block.
func (s *Socket) Quiet() bool {
	if s.raw == nil {
		return true
	}
	s.quiet = false
	return s.raw.Control(s.peek) == nil && s.quiet // or it was closed on this side
}

// lookAhead tries to read without taking, which costs less than a poll: a byte, the
// end and an error are all that there is beside having to wait. It is called with the
// descriptor held.
func (s *Socket) lookAhead(fd uintptr) {
	for {
		if _, errno := recv(fd, s.byte[:], syscall.MSG_PEEK); errno != syscall.EINTR {
			s.quiet = errno == syscall.EAGAIN
			return
		}
	}
}

// Readable reports whether bytes wait to be read, or the end of them. It does not
// block.
func (s *Socket) Readable() bool { return s.events()&unix.POLLIN != 0 }

// End tells how far the peer has closed. It does not block.
func (s *Socket) End() End {
	switch ev := s.events(); {
	case ev&(unix.POLLHUP|unix.POLLERR) != 0:
		return Gone
	case ev&unix.POLLRDHUP != 0:
		return HalfClosed
	}
	return Connected
}

func (s *Socket) events() int16 {
	if s.raw == nil {
		return 0
	}
	if err := s.raw.Control(s.call); err != nil { // closed on this side
		return unix.POLLHUP
	}
	return s.fds[0].Revents
}

// poll asks without waiting. It is called with the descriptor held.
func (s *Socket) poll(fd uintptr) {
	s.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}
	for {
		if _, err := unix.Poll(s.fds[:], 0); err != unix.EINTR {
			return
		}
	}
}
