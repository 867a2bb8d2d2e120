//go:build !linux || !(amd64 || arm64) || race

package socket

import (
	"errors"
	"syscall"
)

// What follows goes by the syscall package, which tells the race detector what a write
// at one end of a connection has to do with a read at the other.

func recv(fd uintptr, p []byte, flags int) (int, syscall.Errno) {
	if flags == 0 {
		return outcome(syscall.Read(int(fd), p))
	}
	n, _, err := syscall.Recvfrom(int(fd), p, flags|syscall.MSG_DONTWAIT)
	return outcome(n, err)
}

func send(fd uintptr, p []byte) (int, syscall.Errno) { return outcome(syscall.Write(int(fd), p)) }

func outcome(n int, err error) (int, syscall.Errno) {
	if err == nil {
		return n, 0
	}
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		errno = syscall.EIO
	}
	return n, errno
}
