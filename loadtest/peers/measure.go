package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/drive"
	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
	"github.com/sightline-mesh/sightline/loadtest/peers/report"
)

// How long to let things come to rest.
const (
	settleStart = time.Second            // after a pair's start, before its idle memory
	settleCell  = 300 * time.Millisecond // between two loads
	settleHeld  = 2 * time.Second        // once all connections are open, before their memory
)

// heldConnections are open and do nothing while memory is measured.
const heldConnections = 1000

// measure is one target's share of one round.
type measure struct {
	*comparison

	running *pair.Running
	served  *proc.Process // the app that the target stands in front of
	round   report.Round
}

// all measures in the order that leaves the least to the next: memory at rest, load,
// memory after it, connections.
func (m *measure) all(ctx context.Context) error {
	var err error
	if err = rest(ctx, settleStart); err != nil {
		return err
	}
	if m.round.Idle, err = m.memory(); err != nil {
		return err
	}
	m.round.Requests = 1 // that the pair was found to carry
	if err := m.loads(ctx); err != nil {
		return err
	}
	if m.round.Loaded, err = m.memory(); err != nil {
		return err
	}
	if slices.Contains(m.o.cells, idleCell) && len(m.running.Processes) > 0 && !m.running.HTTP2 {
		if err := m.held(ctx); err != nil {
			return err
		}
	}
	m.round.Account, err = m.running.Account(ctx)
	return err
}

func (m *measure) loads(ctx context.Context) error {
	if _, err := m.load(ctx, warmUp(m.running.HTTP2), m.o.span()/4); err != nil {
		return err
	}
	for _, l := range m.o.loads() {
		if l.HTTP2 != m.running.HTTP2 {
			continue
		}
		if err := rest(ctx, settleCell); err != nil {
			return err
		}
		s, err := m.load(ctx, l, m.o.span())
		if err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
		m.round.Cells[l.Name] = s
	}
	return rest(ctx, settleCell)
}

// used is processor time up to now.
type used struct{ pair, app, busy time.Duration }

func (m *measure) used() (u used, err error) {
	for _, p := range m.running.Processes {
		t, err := m.proc.CPU(p.PID())
		if err != nil {
			return u, err
		}
		u.pair += t
	}
	if u.app, err = m.proc.CPU(m.served.PID()); err != nil {
		return u, err
	}
	u.busy, err = m.proc.Busy()
	return u, err
}

// load runs one load and takes the difference of what was used before and after.
func (m *measure) load(ctx context.Context, l cell, span time.Duration) (report.Sample, error) {
	before, err := m.used()
	if err != nil {
		return report.Sample{}, err
	}
	result, generator, err := m.generate(ctx, l, span)
	if err != nil {
		return report.Sample{}, err
	}
	after, err := m.used()
	if err != nil {
		return report.Sample{}, err
	}
	m.round.Requests += uint64(result.Sent)
	s := report.Sample{Result: result, Generator: generator, Pair: after.pair - before.pair, App: after.app - before.app}
	// Ticks are coarse: what was used by nothing else may come out just below nothing.
	s.Other = max(after.busy-before.busy-s.Pair-s.App-s.Generator, 0)
	return s, nil
}

// generate sends one cell's requests and tells what processor time that took.
func (m *measure) generate(ctx context.Context, l cell, span time.Duration) (drive.Result, time.Duration, error) {
	p := drive.Plan{
		Address: m.running.Address, Host: pair.Host,
		Connections: l.connections, Rate: l.Rate, Body: l.body, For: span,
	}
	if l.HTTP2 {
		return drive.RunGRPC(ctx, drive.GRPCPlan{Plan: p, Streams: l.streams, Dir: m.dir})
	}
	return generate(ctx, p)
}

// held measures memory while connections are open that do nothing.
func (m *measure) held(ctx context.Context) (err error) {
	held, err := drive.Hold(ctx, drive.Plan{Address: m.running.Address, Host: pair.Host, Connections: heldConnections, Body: 128})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	m.round.Requests += heldConnections
	if err := rest(ctx, settleHeld); err != nil {
		return err
	}
	m.round.Held, err = m.memory()
	return err
}

// memory is the pair's.
func (m *measure) memory() (*proc.Memory, error) {
	if len(m.running.Processes) == 0 {
		return nil, nil
	}
	var sum proc.Memory
	for _, p := range m.running.Processes {
		one, err := m.proc.Memory(p.PID())
		if err != nil {
			return nil, err
		}
		sum.RSS += one.RSS
		sum.PSS += one.PSS
	}
	return &sum, nil
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
