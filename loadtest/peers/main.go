// Command peers compares a pair of Sightline sidecars, with mutual TLS and all
// telemetry on, with a direct call and with pairs of other proxies that have the same
// mutual TLS and an access log. All run in one go and take turns, so that what else
// happens on the machine happens to each alike. It prints a Markdown report.
//
// Apps, the load generator of HTTP/1.1 and the proxies made of Go's standard library are
// this program again, as processes of their own.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

func main() { proc.Main("peers", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if played, err := act(ctx, args, stdout); played {
		return err
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
