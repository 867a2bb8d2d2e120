// Command sightline-shop is one service of the demo's shop; `sightline demo` starts
// one for each member beside a sidecar of its own.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sightline-mesh/sightline/loadtest/shop"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sightline-shop:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var c shop.Config
	f := flag.NewFlagSet("sightline-shop", flag.ContinueOnError)
	f.StringVar(&c.Service, "service", "", "which member of the shop this is")
	f.StringVar(&c.Version, "version", "v1", "its version")
	f.StringVar(&c.Listen, "listen", "127.0.0.1:8080", "address the app serves on")
	f.StringVar(&c.Outbound, "outbound", os.Getenv("SIGHTLINE_OUTBOUND"), "outbound listener of the sidecar, for gRPC")
	if err := f.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return shop.Run(ctx, c)
}
