// Package epoll runs many sockets on one thread. The load generator and its app share
// two cores with the proxies that are measured: what they use is lost to the measured,
// and the runtime's own poller wakes a thread per socket and keeps time to the
// millisecond only. This one does neither.
package epoll

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Interest is what of a socket is waited for.
type Interest uint32

// The interests.
const (
	Read      Interest = unix.EPOLLIN
	ReadWrite Interest = unix.EPOLLIN | unix.EPOLLOUT
)

// Event tells that a socket can be read or written. One that has failed or was closed
// by the other side is readable: reading tells.
type Event struct {
	FD                 int
	Readable, Writable bool
}

// Poller waits for sockets. It belongs to one goroutine.
type Poller struct {
	fd     int
	ready  [256]unix.EpollEvent
	events []Event
}

// New makes a poller that watches nothing.
func New() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make poller: %w", err)
	}
	return &Poller{fd: fd}, nil
}

// Close gives the poller's own descriptor back, not those it watches.
func (p *Poller) Close() error { return unix.Close(p.fd) }

// Add begins to watch fd for reading. Closing fd ends that.
func (p *Poller) Add(fd int) error { return p.control(unix.EPOLL_CTL_ADD, fd, Read) }

// Change says what fd is watched for from now on.
func (p *Poller) Change(fd int, i Interest) error { return p.control(unix.EPOLL_CTL_MOD, fd, i) }

// Wait blocks until something can be done or limit has passed, to the nanosecond as
// far as the kernel keeps it. The events are good until the next call.
func (p *Poller) Wait(limit time.Duration) ([]Event, error) {
	ts := unix.NsecToTimespec(int64(max(limit, 0)))
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.ready[0])),
		uintptr(len(p.ready)), uintptr(unsafe.Pointer(&ts)), 0, 0)
	if errno == unix.EINTR {
		return nil, nil
	}
	if errno != 0 {
		return nil, fmt.Errorf("wait for sockets: %w", errno)
	}
	p.events = p.events[:0]
	for _, e := range p.ready[:n] {
		p.events = append(p.events, Event{
			FD:       int(e.Fd),
			Readable: e.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0,
			Writable: e.Events&unix.EPOLLOUT != 0,
		})
	}
	return p.events, nil
}

func (p *Poller) control(op, fd int, i Interest) error {
	if err := unix.EpollCtl(p.fd, op, fd, &unix.EpollEvent{Events: uint32(i), Fd: int32(fd)}); err != nil {
		return fmt.Errorf("watch socket %d: %w", fd, err)
	}
	return nil
}

// SharpTimers asks the kernel not to gather this thread's time-outs with later ones,
// as it else does within 50 µs. The caller is locked to its thread.
func SharpTimers() error {
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set timer slack: %w", err)
	}
	return nil
}

// Dial connects to an address of this machine, which does not take long.
func Dial(to netip.AddrPort) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err == nil {
		err = prepare(fd)
	}
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, errors.Join(err, unix.Close(fd)))
	}
	return &Conn{FD: fd}, nil
}

// Listen listens on a free loopback port, without blocking in Accept.
func Listen() (fd int, at netip.AddrPort, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, at, fmt.Errorf("listen: %w", err)
	}
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	err = unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback.As4()})
	if err == nil {
		err = unix.Listen(fd, 4096)
	}
	var sa unix.Sockaddr
	if err == nil {
		sa, err = unix.Getsockname(fd)
	}
	bound, ok := sa.(*unix.SockaddrInet4)
	if err == nil && !ok {
		err = net.UnknownNetworkError("not IPv4")
	}
	if err != nil {
		return 0, at, fmt.Errorf("listen: %w", errors.Join(err, unix.Close(fd)))
	}
	return fd, netip.AddrPortFrom(loopback, uint16(bound.Port)), nil
}

// Accept takes a connection that waits at a listener; nil if there is none.
func Accept(listener int) (*Conn, error) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EINTR):
		return nil, nil
	case err == nil:
		err = prepare(fd)
	}
	if err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	return &Conn{FD: fd}, nil
}

func prepare(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	return unix.SetNonblock(fd, true)
}
