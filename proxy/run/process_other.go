//go:build !linux

package run

import "syscall"

// endsWithParent: only Linux can tell an app that its sidecar died.
func endsWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
