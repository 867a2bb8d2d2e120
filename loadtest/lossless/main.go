// Command lossless shows that the mesh loses no request while its parts come and go. It
// runs a control plane, sidecars and small apps as real processes, sends requests at a
// fixed rate whether or not earlier ones have ended, and meanwhile restarts, drains,
// kills and takes away one part after the other. Each scenario is run several times;
// every failed request is counted with its reason.
//
// The requests' path is generator → sidecar → front's sidecar and app → shop's sidecar
// and app, so that both ends of a sidecar are seen. The clients are strict: they send
// nothing again by themselves but what the protocol says was not processed. Apps and
// generator are this program.
//
//	go run ./loadtest/lossless -rate 2000 -repeat 10
package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

func main() { proc.Main("lossless", run) }

// errLost says that requests failed which must not.
var errLost = errors.New("requests were lost")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == roleApp {
		return actApp(ctx, args[1:])
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	rows, err := runAll(ctx, o, stderr)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, table(rows)); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	if lost(rows) > 0 {
		return errLost
	}
	return nil
}
