// Command store measures what the mesh's store takes in and how fast it answers: the
// embedded engine and a collector, each a process of its own as `sightline up` runs them,
// filled over OTLP with the dataset that Jaeger publishes its figures for, or with a day of
// a mesh, and asked by the code that serves the API.
//
// A span counts as taken in when its request was acknowledged, which means that it is on
// disk, and as stored when the engine has acknowledged its batch.
//
//	go run ./loadtest/store -traces 1000000
//	go run ./loadtest/store -mesh -traces 2000000
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
)

func main() { proc.Main("store", run) }

// options say what is measured.
type options struct {
	dir        string
	traces     int
	mesh       bool          // a day of a mesh instead of Jaeger's dataset
	over       time.Duration // that the traces are spread over, up to now
	senders    int
	asks       int           // of each question
	cold       bool          // asks with empty caches too
	patience   time.Duration // for the last span to be stored
	profile    string        // of the collector's CPU while it is sent to
	profileFor time.Duration
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("store", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.dir, "dir", "", "directory for the data, which is removed at the end; a temporary one if empty")
	flags.IntVar(&o.traces, "traces", 1_000_000, "traces of ten spans")
	flags.BoolVar(&o.mesh, "mesh", false, "a day of a mesh's sidecars, with access log and RED rows, instead of Jaeger's dataset")
	flags.DurationVar(&o.over, "over", 140*time.Hour, "time that the traces are spread over, up to now; whole days of a week are kept")
	flags.IntVar(&o.senders, "senders", 4, "requests of 1,000 spans at a time")
	flags.IntVar(&o.asks, "asks", 50, "times each question is asked, with different values")
	flags.BoolVar(&o.cold, "cold", true, "find traces with the engine's and the system's caches empty too; as root")
	flags.DurationVar(&o.patience, "patience", 30*time.Minute, "time for the last span to be stored")
	flags.StringVar(&o.profile, "profile", "", "file for a CPU profile of the collector while it is sent to")
	flags.DurationVar(&o.profileFor, "profile-for", 10*time.Second, "length of the profile")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.traces < 1 || o.senders < 1 || o.asks < 1:
		return o, errors.New("traces, senders and asks: must be at least 1")
	case o.over < time.Hour || o.over > 143*time.Hour:
		return o, fmt.Errorf("over: %s is not between an hour and the six whole days that are kept", o.over)
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
	r, err := start(ctx, o, stderr)
	if err != nil {
		return err
	}
	figures, err := r.measure(ctx, stderr)
	if err = errors.Join(err, r.Stop()); err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, figures.String()); err != nil {
		return fmt.Errorf("print figures: %w", err)
	}
	return nil
}
