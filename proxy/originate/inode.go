package originate

import (
	"os"
	"syscall"
)

// inode tells a file from another that was moved into its place within the same instant.
func inode(info os.FileInfo) uint64 {
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		return sys.Ino
	}
	return 0
}
