package run

import "syscall"

// endsWithParent has the kernel tell the app to end when the sidecar dies.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
