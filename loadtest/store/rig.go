package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/backend"
)

// rig is the processes that are measured, and what they are filled with.
type rig struct {
	options
	*backend.Pair

	data filling
}

// filling is what the store is filled with, and what is asked of it then.
type filling interface {
	fmt.Stringer
	fill(ctx context.Context, r *rig) (intake, error)
	questions() []question
}

func start(ctx context.Context, o options, log io.Writer) (*rig, error) {
	pair, err := backend.StartPair(ctx, o.dir, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start: %w", err), pair.Stop())
	}
	r := &rig{options: o, Pair: pair}
	if end := time.Now().Add(-time.Minute); o.mesh {
		r.data = newMeshset(o.traces*spansPerTrace, end)
	} else {
		r.data = newDataset(o.traces, o.over, end)
	}
	return r, nil
}

// profileTo writes the collector's CPU profile of the next seconds, if one is wanted.
func (r *rig) profileTo(ctx context.Context) error {
	if r.profile == "" {
		return nil
	}
	body, err := backend.Get(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", r.Page, int(r.profileFor.Seconds())))
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.Create(r.profile)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Close())
}
