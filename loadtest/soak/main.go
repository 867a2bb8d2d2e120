// Command soak keeps a pair of real sidecars at one thing for long, and looks at what
// they hold meanwhile: memory, descriptors, goroutines. App and clients are processes of
// their own, so that each may have its descriptors. It fails when a request does, when
// the rate that was asked for is not reached, or when something is held at the end that
// was not at the beginning.
//
//	go run ./loadtest/soak -stream-mib 10240         10 GiB up and down, by HTTP and as a stream of bytes
//	go run ./loadtest/soak -idle 10000               connections that lie idle
//	go run ./loadtest/soak -churn 1000 -for 5m       connections opened and closed, each second
//	go run ./loadtest/soak -websockets 200 -for 5m   WebSocket echo: random sizes, pings, closes
//
// Several may be asked for at once; they run one after the other. `make build` first.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

func main() { proc.Main("soak", run) }

type options struct {
	bin        string
	mebibytes  int64
	idle       int
	churn      int
	websockets int
	lasts      time.Duration
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.bin, "bin", "bin", "directory of the programs")
	f.Int64Var(&o.mebibytes, "stream-mib", 0, "stream so many MiB each way")
	f.IntVar(&o.idle, "idle", 0, "hold so many idle connections")
	f.IntVar(&o.churn, "churn", 0, "open and close so many connections per second")
	f.IntVar(&o.websockets, "websockets", 0, "hold so many WebSockets, and talk on them")
	f.DurationVar(&o.lasts, "for", time.Minute, "how long churn and websockets last")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.mebibytes <= 0 && o.idle <= 0 && o.churn <= 0 && o.websockets <= 0 {
		return o, errors.New("nothing to do: give -stream-mib, -idle, -churn or -websockets")
	}
	return o, proc.Built(o.bin)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	if len(args) > 0 && args[0] == roleApp {
		return actApp(ctx, stdout)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return fmt.Errorf("keep state: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return fmt.Errorf("keep a log: %w", err)
	}
	defer func() {
		_ = log.Close()
		if err == nil {
			err = os.RemoveAll(dir)
			return
		}
		err = fmt.Errorf("%w (the programs' log is %s)", err, log.Name())
	}()
	return play(ctx, o, filepath.Join(dir, "mesh"), stdout, log)
}

// play starts app and pair and does what was asked for.
func play(ctx context.Context, o options, dir string, stdout io.Writer, log io.Writer) (err error) {
	app, at, err := startApp(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.Stop()) }()
	mesh, err := pair.StartMesh(ctx, pair.MeshConfig{Bin: o.bin, Dir: dir, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mesh.Stop()) }()
	r, err := mesh.Start(ctx, pair.Sidecars{App: at})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	s := &soak{pair: r, out: stdout}
	if o.mebibytes > 0 {
		err = errors.Join(err, s.stream(ctx, o.mebibytes<<20))
	}
	if o.idle > 0 {
		err = errors.Join(err, s.idle(ctx, o.idle))
	}
	if o.churn > 0 {
		err = errors.Join(err, s.churn(ctx, o.churn, o.lasts))
	}
	if o.websockets > 0 {
		err = errors.Join(err, s.websockets(ctx, o.websockets, o.lasts))
	}
	return err
}
