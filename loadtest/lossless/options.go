package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// options is what a person asks for.
type options struct {
	rate   float64
	repeat int
	bin    string // directory of sightline and sightline-proxy
	dir    string // of the mesh, its logs included
	only   []string
	// certTTL is how long a certificate is valid: they are renewed at half of that, and
	// whoever has none left cannot be spoken with while the control plane is away.
	certTTL time.Duration
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("lossless", flag.ContinueOnError)
	f.SetOutput(out)
	f.Float64Var(&o.rate, "rate", 2000, "requests per second")
	f.IntVar(&o.repeat, "repeat", 10, "times that each scenario is run")
	f.DurationVar(&o.certTTL, "cert-ttl", 20*time.Second, "validity of certificates; they are renewed at half of it")
	f.StringVar(&o.bin, "bin", "bin", "directory of the programs")
	f.StringVar(&o.dir, "dir", "", "keeps state and logs (default: a temporary directory)")
	only := f.String("only", "", "scenarios to run, by name, comma-separated (default: all)")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	return o, o.complete()
}

// complete checks the options and fills in what was not given.
func (o *options) complete() error {
	if o.rate <= 0 || o.repeat <= 0 {
		return fmt.Errorf("rate %v, repeat %d: want both above 0", o.rate, o.repeat)
	}
	if o.certTTL < time.Second {
		return fmt.Errorf("cert-ttl %v: want a second at least", o.certTTL)
	}
	for _, name := range o.only {
		if !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.name == name }) {
			return fmt.Errorf("only: no scenario %q", name)
		}
	}
	var err error
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return fmt.Errorf("bin: %w", err)
	}
	if err := proc.Built(o.bin); err != nil {
		return err
	}
	if o.dir != "" {
		if o.dir, err = filepath.Abs(o.dir); err != nil {
			return fmt.Errorf("dir: %w", err)
		}
		return errors.Join(os.MkdirAll(o.dir, 0o700))
	}
	if o.dir, err = os.MkdirTemp("", "lossless-"); err != nil {
		return fmt.Errorf("dir: %w", err)
	}
	return nil
}

func (o *options) wants(s scenario) bool { return len(o.only) == 0 || slices.Contains(o.only, s.name) }
