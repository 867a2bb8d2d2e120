package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// rig is the processes that are measured, and what asks them.
type rig struct {
	options

	engine, collector *proc.Process
	otlp, page        string // addresses of the collector's
	store             *clickhouse.Store
	data              *dataset
}

func start(ctx context.Context, o options, log io.Writer) (*rig, error) {
	r := &rig{options: o, data: newDataset(o.traces, o.over, time.Now().Add(-time.Minute))}
	if err := r.begin(ctx, log); err != nil {
		return nil, errors.Join(fmt.Errorf("start: %w", err), r.stop())
	}
	return r, nil
}

func (r *rig) begin(ctx context.Context, log io.Writer) error {
	dir, err := os.MkdirTemp(r.dir, "sightline-store-")
	if err != nil {
		return err
	}
	r.dir = dir
	var said []string
	r.engine, said, err = backend.Start(ctx, log, backend.Engine, "-dir", filepath.Join(dir, "engine"))
	if err != nil {
		return err
	}
	dsn := "http://default@" + said[0] + "/sightline"
	r.collector, said, err = backend.Start(ctx, log, backend.Collector, "-dir", filepath.Join(dir, "collector"), "-store", dsn)
	if err != nil {
		return err
	}
	if len(said) != 2 {
		return fmt.Errorf("the collector said %q", said)
	}
	r.otlp, r.page = said[0], said[1]
	r.store, err = clickhouse.Open(ctx, clickhouse.Config{DSN: dsn, QueryTimeout: 10 * time.Minute})
	return err
}

// stop ends everything and removes the data.
func (r *rig) stop() error {
	var errs []error
	if r.store != nil {
		errs = append(errs, r.store.Close())
	}
	for _, p := range []*proc.Process{r.collector, r.engine} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}

// profileTo writes the collector's CPU profile of the next seconds, if one is wanted.
func (r *rig) profileTo(ctx context.Context) error {
	if r.profile == "" {
		return nil
	}
	body, err := backend.Get(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", r.page, int(r.profileFor.Seconds())))
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
