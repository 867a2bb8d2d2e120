package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// margin is how long the load runs before something happens, and after.
const margin = 500 * time.Millisecond

// runAll plays every scenario in turn, several rounds of them, on one mesh.
func runAll(ctx context.Context, o options, said io.Writer) (rows []row, err error) {
	log, err := os.OpenFile(filepath.Join(o.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep logs: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	say(said, "state and logs are in %s", o.dir)
	m, err := startMesh(ctx, o, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	for round := 1; round <= o.repeat; round++ {
		for _, s := range scenarios {
			if !o.wants(s) {
				continue
			}
			r, err := m.play(ctx, s, o.rate)
			if err != nil {
				return rows, fmt.Errorf("%s, run %d: %w", s.name, round, err)
			}
			r.round = round
			rows = append(rows, r)
			say(said, "%s", r.line())
		}
	}
	return rows, nil
}

// play plays one scenario under load.
func (m *mesh) play(ctx context.Context, s scenario, rate float64) (row, error) {
	t, err := startTraffic(ctx, m.caller.outbound, rate)
	if err != nil {
		return row{}, err
	}
	pause(ctx, margin)
	err = s.play(ctx, m)
	pause(ctx, margin)
	return row{scenario: s.name, tally: t.end(s)}, errors.Join(err, ctx.Err())
}

// pause lets the load run for a while.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}
