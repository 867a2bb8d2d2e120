// Command controlplane measures what a mesh costs its control plane, and how long an
// instance's change takes to the last sidecar that calls its service. The control plane
// is a process of its own, with its own etcd on disk; the sidecars are thousands of real
// push clients in this process, each with its own certificate, its own connection over
// TLS and its own subscriptions, all over loopback. What a client does with a set is to
// look at it: compiling tables is the sidecar's cost, not the control plane's.
//
// Every change is an instance that tells the control plane over its stream that it
// drains, or is ready again: it is timed from there, through the store, to the moment
// the last subscriber holds the set with it.
//
//	go run ./loadtest/controlplane -services 1000 -sidecars 250,500,1000,2000
//
// With -curve the mesh stays as large as it is, and what grows is the number of services
// that each sidecar subscribes to; each number is measured with a control plane of its own.
//
//	go run ./loadtest/controlplane -services 1000 -sidecars 2000 -curve 1,2,5,10,20,50
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

func main() { proc.Main("controlplane", run) }

// roleServe is the first argument of the measured process.
const roleServe = "serve"

// options say what is measured.
type options struct {
	services int
	sizes    []int // sidecars, grown to, one after the other
	each     int   // services that a sidecar subscribes to
	curve    []int // these, one after the other, in place of each; none is no curve
	changes  int
	every    time.Duration // between two changes
	idle     time.Duration // without a change, before them
	profile  string        // of the control plane's CPU during the last step's changes
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("controlplane", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.services, "services", 1000, "services, each with a route of its own")
	numbers := flags.String("sidecars", "2000", "sidecars, each an instance of one service; several numbers, rising, are measured one after the other")
	flags.IntVar(&o.each, "subscribe", 10, "services each sidecar subscribes to")
	curve := flags.String("curve", "", "services each sidecar subscribes to, several numbers: each is measured in a mesh of its own")
	flags.IntVar(&o.changes, "changes", 200, "changes that are timed")
	flags.DurationVar(&o.every, "every", 100*time.Millisecond, "time between two changes")
	flags.DurationVar(&o.idle, "idle", 5*time.Second, "time without a change that is measured before them")
	flags.StringVar(&o.profile, "profile", "", "file for a CPU profile of the control plane during the last step's changes")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.sizes, err = counts("sidecars", *numbers); err != nil {
		return o, err
	}
	if *curve != "" {
		if o.curve, err = counts("curve", *curve); err != nil {
			return o, err
		}
		if len(o.sizes) > 1 {
			return o, errors.New("curve: is of one number of sidecars; want one in sidecars")
		}
	}
	for _, one := range o.meshes() {
		if one.each < 1 || one.each > o.services {
			return o, fmt.Errorf("subscribe: %d is not between 1 and the number of services, %d", one.each, o.services)
		}
	}
	return o, nil
}

func counts(name, list string) (out []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: %q is not a number above 0", name, text)
		}
		out = append(out, n)
	}
	return out, nil
}

// meshes are the options of each mesh that is measured.
func (o options) meshes() []options {
	if len(o.curve) == 0 {
		return []options{o}
	}
	out := make([]options, len(o.curve))
	for i, n := range o.curve {
		out[i] = o
		if out[i].each = n; i < len(o.curve)-1 {
			out[i].profile = "" // it is the last's
		}
	}
	return out
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == roleServe {
		return serve(ctx, args[1:])
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	var rows []row
	for _, one := range o.meshes() {
		more, err := measureMesh(ctx, one, stderr)
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	if _, err := io.WriteString(stdout, table(rows)); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	return nil
}

// measureMesh brings a mesh up, measures it and takes it down.
func measureMesh(ctx context.Context, o options, log io.Writer) ([]row, error) {
	m, err := start(ctx, o, log)
	if err != nil {
		return nil, err
	}
	rows, err := m.measureAll(ctx, log)
	return rows, errors.Join(err, m.stop())
}
