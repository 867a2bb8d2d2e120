// Command peers compares a pair of Sightline sidecars, with mutual TLS and all
// telemetry on, with a direct call and with an nginx pair that has the same mutual TLS
// and an access log. All run in one go and take turns, so that what else happens on
// the machine happens to each alike. It prints a Markdown report.
//
// App and load generator are this program again, as processes of their own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	// Children end with the thread that started them: all start from this one.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case roleApp:
			return actApp(ctx, stdout)
		case roleGenerator:
			return actGenerator(ctx, os.Stdin, stdout)
		}
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	found, err := compare(ctx, o, stderr)
	if err != nil {
		return err
	}
	text := found.Markdown()
	if _, err := io.WriteString(stdout, text); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	if o.out == "" {
		return nil
	}
	if err := os.WriteFile(o.out, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
