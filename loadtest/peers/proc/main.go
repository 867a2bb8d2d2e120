package proc

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

// Main is main of a program that starts processes. It gives run the arguments and a context
// that ends at SIGINT and SIGTERM, says under the program's name what failed, and ends
// with status 1 then. Asking for help is no failure.
func Main(name string, run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	// Children end with the thread that started them: all start from this one.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// Built checks that the mesh's programs are in a directory.
func Built(bin string) error {
	for _, program := range []string{"sightline", "sightline-proxy"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			return fmt.Errorf("bin: %w: run `make build`", err)
		}
	}
	return nil
}
