package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
	"github.com/sightline-mesh/sightline/loadtest/peers/report"
)

// comparison is what lasts from the first round to the last.
type comparison struct {
	o    options
	dir  string
	log  *os.File // of every program that is started
	told io.Writer
	proc proc.Table
	apps map[bool]served // by whether they speak HTTP/2
	mesh *pair.Mesh      // nil without Sightline among the targets
}

// served is an app that runs.
type served struct {
	process *proc.Process
	at      netip.AddrPort
}

// compare runs all rounds. Progress goes to told.
func compare(ctx context.Context, o options, told io.Writer) (found report.Comparison, err error) {
	c := &comparison{o: o, told: told, proc: proc.System(), apps: map[bool]served{}}
	if found.Setup, err = c.setup(ctx); err != nil {
		return found, err
	}
	if found.Load > float64(found.Machine.Cores)/4 {
		_, _ = fmt.Fprintf(told, "load average %.2f: this machine is busy, the figures will say more about that\n", found.Load)
	}
	if found.Targets, err = c.targets(); err != nil {
		return found, err
	}
	for _, l := range o.loads() {
		found.Cells = append(found.Cells, l.Cell)
	}
	if c.dir, err = os.MkdirTemp("", "sightline-peers-"); err != nil {
		return found, fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = c.close(ctx, err) }()
	if err := c.start(ctx); err != nil {
		return found, err
	}
	found.Rounds, err = c.rounds(ctx)
	return found, err
}

// start starts what all rounds share.
func (c *comparison) start(ctx context.Context) (err error) {
	if c.log, err = os.Create(filepath.Join(c.dir, "log")); err != nil {
		return err
	}
	for http2, role := range map[bool]string{false: roleApp, true: roleGRPCApp} {
		var s served
		if s.process, s.at, err = startApp(ctx, role, c.log); err != nil {
			return err
		}
		c.apps[http2] = s
	}
	if slices.ContainsFunc(c.chosen(), func(t target) bool { return t.ours }) {
		c.mesh, err = pair.StartMesh(ctx, pair.MeshConfig{Bin: c.o.bin, Dir: filepath.Join(c.dir, "mesh"), Log: c.log})
	}
	return err
}

// close ends what start started and removes what was written. What the programs said
// is kept if the comparison failed for a reason other than ctx's end.
func (c *comparison) close(ctx context.Context, cause error) error {
	bad := []error{cause}
	if c.mesh != nil {
		bad = append(bad, c.mesh.Stop())
	}
	for _, a := range c.apps {
		bad = append(bad, a.process.Stop())
	}
	if c.log != nil {
		bad = append(bad, c.log.Close())
	}
	if cause != nil && ctx.Err() == nil {
		_, _ = fmt.Fprintf(c.told, "what the programs said is in %s\n", filepath.Join(c.dir, "log"))
		return errors.Join(bad...)
	}
	return errors.Join(append(bad, os.RemoveAll(c.dir))...)
}

// turns is the order of round n: another target comes first each time.
func turns[T any](targets []T, n int) []T {
	first := n % len(targets)
	return slices.Concat(targets[first:], targets[:first])
}

// rounds gives every target its turn in each round.
func (c *comparison) rounds(ctx context.Context) ([]report.Round, error) {
	var all []report.Round
	for n := range c.o.rounds {
		for _, t := range turns(c.chosen(), n) {
			began := time.Now()
			r, err := c.round(ctx, t, n)
			if err != nil {
				return nil, fmt.Errorf("round %d, %s: %w", n+1, t.name, err)
			}
			all = append(all, r)
			_, _ = fmt.Fprintf(c.told, "round %d of %d, %s: %s\n", n+1, c.o.rounds, t.name, time.Since(began).Round(time.Second))
		}
	}
	return all, nil
}

// round measures one target that is started for it and ended after it.
func (c *comparison) round(ctx context.Context, t target, n int) (r report.Round, err error) {
	dir := filepath.Join(c.dir, fmt.Sprintf("%d-%s", n+1, strings.ReplaceAll(t.name, "/", "-")))
	running, err := t.start(ctx, c, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, running.Stop(), os.RemoveAll(dir)) }()
	m := &measure{
		comparison: c, running: running, served: c.apps[t.http2].process,
		round: report.Round{Target: t.name, Cells: map[string]report.Sample{}},
	}
	err = m.all(ctx)
	return m.round, err
}

// targets looks for the programs.
func (c *comparison) targets() ([]report.Target, error) {
	var all []report.Target
	for _, t := range c.chosen() {
		one := report.Target{Name: t.name, HTTP2: t.http2}
		if t.program != nil {
			path, err := t.program(c.o)
			if err != nil {
				return nil, err
			}
			info, err := os.Stat(path)
			if err != nil {
				return nil, fmt.Errorf("%w: run `make build tools`", err)
			}
			one.Program = info.Size()
		}
		all = append(all, one)
	}
	return all, nil
}

func (c *comparison) setup(ctx context.Context) (report.Setup, error) {
	m, err := c.proc.Machine()
	if err != nil {
		return report.Setup{}, err
	}
	load, err := c.proc.Load()
	if err != nil {
		return report.Setup{}, err
	}
	s := report.Setup{Machine: m, Load: load, Began: time.Now(), Command: c.o.command}
	for _, t := range c.chosen() {
		if t.version == nil {
			continue
		}
		v, err := t.version(ctx, c.o)
		if err != nil {
			return report.Setup{}, err
		}
		if !slices.Contains(s.Versions, v) {
			s.Versions = append(s.Versions, v)
		}
	}
	s.Versions = append(s.Versions, runtime.Version())
	return s, nil
}
