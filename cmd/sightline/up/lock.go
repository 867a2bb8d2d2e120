package up

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// lock takes the state directory for this process. The kernel lets go of it when the
// process dies, however it dies.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner := ownerOf(f)
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("state directory is in use by process %s (%s): end that one, or give another --dir",
				owner, path)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid()) // only a hint for people
	}
	return func() { _ = f.Close() }, nil
}

// ownerOf is the process that a lock's file names, or nothing.
func ownerOf(f *os.File) string {
	owner := make([]byte, 16)
	n, _ := f.ReadAt(owner, 0) // only a hint for people
	return strings.TrimSpace(string(owner[:n]))
}
