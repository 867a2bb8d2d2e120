// Command sightline is everything of the mesh that is not a sidecar: `sightline up`
// runs it, the other commands talk to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set when the program is built.
var version = "dev"

func main() {
	ctx, stop := interruptible()
	defer stop()
	err := newRoot().ExecuteContext(ctx)
	if errors.Is(err, errFound) {
		os.Exit(1) // what was found is already said
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sightline:", err)
		os.Exit(2)
	}
}

// interruptible is a context that the first SIGINT or SIGTERM ends. The next ends the
// process at once, and the processes it has started with it: who asks twice does not
// want to wait.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
