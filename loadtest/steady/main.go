// Command steady runs the mesh's telemetry backend as a mesh does that lives: sidecars'
// emitters tell of requests between some dozens of services at a steady rate, somebody asks
// a question every second, and the processes are watched for what grows. It says whether
// memory and parts stay flat, whether questions are answered at the end as at the start,
// how long it takes until a span is found, and what a request costs on disk.
//
//	go run ./loadtest/steady -rate 5000 -for 1h
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
	"github.com/sightline-mesh/sightline/loadtest/traffic"
)

func main() { proc.Main("steady", run) }

// options say what is run.
type options struct {
	dir      string
	rate     int // spans a second
	length   time.Duration
	shape    traffic.Shape
	every    time.Duration // from one question to the next
	look     time.Duration // from one look at the processes to the next
	patience time.Duration // for all to be stored in the end
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("steady", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.dir, "dir", "", "directory for the data, which is removed at the end; a temporary one if empty")
	flags.IntVar(&o.rate, "rate", 5000, "spans a second")
	flags.DurationVar(&o.length, "for", time.Hour, "how long")
	flags.IntVar(&o.shape.Services, "services", 50, "services, with two instances each")
	flags.IntVar(&o.shape.Callees, "callees", 4, "services that each service calls")
	flags.DurationVar(&o.every, "every", time.Second, "time from one question to the next")
	flags.DurationVar(&o.look, "look", 5*time.Second, "time from one look at the processes to the next")
	flags.DurationVar(&o.patience, "patience", 5*time.Minute, "time for everything to be stored in the end")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.rate < traffic.SpansOfRequest:
		return o, fmt.Errorf("rate: want at least the %d spans of one request", traffic.SpansOfRequest)
	case o.shape.Services < 2 || o.shape.Callees < 1 || o.shape.Callees >= o.shape.Services:
		return o, errors.New("services, callees: want two services at least, and fewer callees than services")
	case o.every <= 0 || o.look <= 0:
		return o, errors.New("every, look: want more than 0")
	case o.length < shares*max(o.every, o.look):
		return o, fmt.Errorf("for: want %d times -every and -look at least", shares)
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if played, err := backend.Play(ctx, args, stdout); played {
		return err
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	figures, err := live(ctx, o, stderr)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, figures.String()); err != nil {
		return fmt.Errorf("print figures: %w", err)
	}
	return figures.verdict()
}
