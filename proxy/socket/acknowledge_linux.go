package socket

import "golang.org/x/sys/unix"

// Acknowledge has the kernel tell the peer at once what has come from it, instead of up to
// 40 ms later in the hope of something to send along. A peer that writes a message in small
// pieces, with Nagle's algorithm on (RFC 896), sends the second piece no sooner. It holds
// for a while, not for ever (tcp(7), TCP_QUICKACK), and is nothing to what is not TCP.
func Acknowledge(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
}
