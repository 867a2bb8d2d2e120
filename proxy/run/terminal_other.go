//go:build !linux

package run

import "io"

// lendTerminal does nothing here: an app that reads from a terminal is stopped.
func lendTerminal(io.Reader, int) (settle func()) { return func() {} }
