package socket

import "golang.org/x/sys/unix"

// probe is what a poll needs, kept so that polling allocates nothing.
type probe struct {
	fds  [1]unix.PollFd
	call func(fd uintptr)
}

func (s *Socket) prepare() { s.call = s.poll }

// Quiet reports whether the peer is there and nothing waits to be read: what an
// idle connection must be to carry another request. It does not block.
func (s *Socket) Quiet() bool {
	return s.events()&(unix.POLLIN|unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) == 0
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
