package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/report"
)

// options is a command line.
type options struct {
	command string // as it was given
	bin     string
	nginx   string
	haproxy string
	out     string
	rounds  int
	seconds float64 // of each cell
	targets []string
	cells   []string
}

// idleCell is the measure of memory with connections that do nothing.
const idleCell = "idle"

// cell is a kind of load and how to make it.
type cell struct {
	report.Cell

	connections, body int
	streams           int // of each connection, where HTTP2 is set
}

func cells() []cell {
	return []cell{
		{report.Cell{Name: "open1000", Rate: 1000, Says: "Open loop, 1,000 requests/s, 32 connections, 128-byte bodies"}, 32, 128, 0},
		{report.Cell{Name: "open4000", Rate: 4000, Says: "Open loop, 4,000 requests/s, 32 connections, 128-byte bodies"}, 32, 128, 0},
		{report.Cell{Name: "closed128", Says: "Saturated: closed loop, 64 connections, 128-byte bodies"}, 64, 128, 0},
		{report.Cell{Name: "closed16k", Says: "Saturated: closed loop, 64 connections, 16 KiB bodies"}, 64, 16 << 10, 0},
		{report.Cell{Name: "grpc1000", Rate: 1000, HTTP2: true, Says: "gRPC, open loop: 1,000 unary calls/s, 8 connections, 128-byte messages"}, 8, 128, 100},
		{report.Cell{Name: "grpcclosed", HTTP2: true, Says: "gRPC, saturated: closed loop, 8 connections of 8 calls, 128-byte messages"}, 8, 128, 8},
	}
}

// warmUp comes before all cells and is not reported.
func warmUp(http2 bool) cell {
	return cell{report.Cell{Name: "warm-up", HTTP2: http2}, 8, 128, 8}
}

func allCells() []string {
	var names []string
	for _, c := range cells() {
		names = append(names, c.Name)
	}
	return append(names, idleCell)
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{command: strings.Join(append([]string{"loadtest/peers/run.sh"}, args...), " ")}
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.bin, "bin", "bin", "directory of sightline and sightline-proxy")
	f.StringVar(&o.nginx, "nginx", "/usr/sbin/nginx", "the nginx to compare with")
	f.StringVar(&o.haproxy, "haproxy", "/usr/sbin/haproxy", "the HAProxy to compare with")
	f.StringVar(&o.out, "out", "", "file to write the report to as well")
	f.IntVar(&o.rounds, "rounds", 5, "how often each target has its turn")
	f.Float64Var(&o.seconds, "seconds", 5, "length of each cell")
	targets := f.String("targets", strings.Join(allTargets(), ","), "what to compare")
	wanted := f.String("cells", strings.Join(allCells(), ","), "what to measure")
	quick := f.Bool("quick", false, "one round of one second each: to see that it works, not to measure")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *quick {
		o.rounds, o.seconds = 1, 1
	}
	o.targets, o.cells = strings.Split(*targets, ","), strings.Split(*wanted, ",")
	if f.NArg() > 0 {
		return o, fmt.Errorf("argument %q: there are flags only", f.Arg(0))
	}
	return o, o.validate()
}

func (o options) validate() error {
	var bad []error
	if o.rounds < 1 || o.rounds > 100 {
		bad = append(bad, fmt.Errorf("rounds: %d, want 1 to 100", o.rounds))
	}
	if o.seconds < 0.1 || o.seconds > 120 {
		bad = append(bad, fmt.Errorf("seconds: %v, want 0.1 to 120", o.seconds))
	}
	bad = append(bad, unknown("targets", o.targets, allTargets()), unknown("cells", o.cells, allCells()))
	return errors.Join(bad...)
}

func unknown(flag string, given, known []string) error {
	for _, g := range given {
		if !slices.Contains(known, g) {
			return fmt.Errorf("%s: %q is none of %s", flag, g, strings.Join(known, ", "))
		}
	}
	return nil
}

// span is the length of one cell.
func (o options) span() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }

// loads are the cells that were asked for.
func (o options) loads() []cell {
	return slices.DeleteFunc(cells(), func(c cell) bool { return !slices.Contains(o.cells, c.Name) })
}
