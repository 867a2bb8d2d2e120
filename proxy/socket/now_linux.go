//go:build linux && (amd64 || arm64) && !race

package socket

import (
	"syscall"
	"unsafe"
)

// The calls below tell Go's scheduler nothing: they do not wait. Being told of a call,
// it wakes the runtime's monitor, has it look every 20 µs how long the call lasts, and
// gives the call's processor to another thread. At moderate rates that is as much work
// as the call.

// told is the length from which on the scheduler is told of a write nevertheless. The
// monitor is also who makes goroutines take turns: one that only ever passes bulk on,
// and never has to wait, must not keep it asleep.
const told = 24 << 10

func recv(fd uintptr, p []byte, flags int) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), uintptr(syscall.MSG_DONTWAIT|flags), 0, 0)
	return int(n), errno
}

func send(fd uintptr, p []byte) (int, syscall.Errno) {
	const flags = syscall.MSG_DONTWAIT | syscall.MSG_NOSIGNAL
	if len(p) >= told {
		n, _, errno := syscall.Syscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		return int(n), errno
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	return int(n), errno
}
