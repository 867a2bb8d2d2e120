// Command loss looks for telemetry that is lost or stored twice: it sends spans at a
// steady rate while it kills the engine, the collector, or both, at random moments, and
// fills up their disk in the middle. In the end every span that was acknowledged must be
// stored once, in the tables that views fill too, and it says what that cost.
//
// A request whose connection broke before there was an answer is not sent again: nobody
// can know what became of it, and it must be stored whole or not at all. One that was
// refused, or whose connection could not be made, is.
//
//	go run ./loadtest/loss -rate 10000 -for 10m
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

func main() { proc.Main("loss", run) }

// options say what is tried.
type options struct {
	dir      string
	rate     int           // spans a second
	length   time.Duration // of sending
	batch    int           // spans of a request
	senders  int
	kills    time.Duration // from one to the next, on average
	disk     int           // MiB; 0 is a directory of the machine's, which is not filled
	full     time.Duration // how long the disk is full
	seed     uint64        // of the moments and the victims
	patience time.Duration // for all to be stored in the end
	keep     bool          // the data, to look at
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("loss", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.dir, "dir", "", "directory for the data, which is removed at the end; a temporary one if empty")
	flags.IntVar(&o.rate, "rate", 10_000, "spans a second")
	flags.DurationVar(&o.length, "for", 10*time.Minute, "how long to send")
	flags.IntVar(&o.batch, "batch", 500, "spans of one request")
	flags.IntVar(&o.senders, "senders", 4, "requests at a time")
	flags.DurationVar(&o.kills, "kills", 12*time.Second, "time from one kill to the next, on average")
	flags.IntVar(&o.disk, "disk", 8192, "size in MiB of the disk that is made for the data and filled up half-way (as root); 0 fills none")
	flags.DurationVar(&o.full, "full", 15*time.Second, "how long the disk is full")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of the moments of the kills and the victims")
	flags.DurationVar(&o.patience, "patience", 10*time.Minute, "time for everything to be stored in the end")
	flags.BoolVar(&o.keep, "keep", false, "keep the data, and the disk mounted, to look at")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	return o, o.check()
}

func (o options) check() error {
	switch {
	case o.rate < 1 || o.batch < 1 || o.senders < 1:
		return errors.New("rate, batch and senders: must be at least 1")
	case o.requests() < 1:
		return fmt.Errorf("for: %s is too short for one request of %d spans at %d a second", o.length, o.batch, o.rate)
	case o.kills < time.Second:
		return fmt.Errorf("kills: %s: want a second at least", o.kills)
	case o.disk != 0 && o.disk < smallestDisk:
		return fmt.Errorf("disk: %d MiB: want 0 or at least %d", o.disk, smallestDisk)
	case o.disk != 0 && o.full > o.length/2:
		return fmt.Errorf("full: %s is more than half of %s", o.full, o.length)
	}
	return nil
}

// smallestDisk is what the engine and the queue want before there is anything in them.
const smallestDisk = 512

// requests is how many are sent.
func (o options) requests() int { return int(o.length.Seconds() * float64(o.rate) / float64(o.batch)) }

// interval is from one request to the next.
func (o options) interval() time.Duration {
	return time.Duration(float64(o.batch) / float64(o.rate) * float64(time.Second))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if played, err := backend.Play(ctx, args, stdout); played {
		return err
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	r, err := try(ctx, o, stderr)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, r.String()); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return r.verdict()
}
