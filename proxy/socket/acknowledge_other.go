//go:build !linux

package socket

// Acknowledge does nothing here.
func Acknowledge(uintptr) {}
