package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
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
	r.engine, said, err = role(ctx, log, roleEngine, "-dir", filepath.Join(dir, "engine"))
	if err != nil {
		return err
	}
	dsn := "http://default@" + said[0] + "/sightline"
	r.collector, said, err = role(ctx, log, roleCollector, "-dir", filepath.Join(dir, "collector"), "-store", dsn)
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

// role starts this program in another role and waits for the line it says when ready.
func role(ctx context.Context, log io.Writer, args ...string) (*proc.Process, []string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer out.Close()
	p, err := proc.Start(ctx, proc.Command{Path: self, Args: args, Env: os.Environ(), Log: log, Stdout: in})
	if err = errors.Join(err, in.Close()); err != nil {
		return p, nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return p, nil, fmt.Errorf("wait for the %s: %w", args[0], err)
	}
	return p, strings.Fields(line), nil
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

// books are the collector's, of spans.
func (r *rig) books(ctx context.Context) (p signal.Pipeline, err error) {
	body, err := get(ctx, "http://"+r.page+"/books")
	if err != nil {
		return p, err
	}
	defer body.Close()
	return p, json.NewDecoder(body).Decode(&p)
}

func get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s: %s", url, res.Status), res.Body.Close())
	}
	return res.Body, nil
}

// profileTo writes the collector's CPU profile of the next seconds, if one is wanted.
func (r *rig) profileTo(ctx context.Context) error {
	if r.profile == "" {
		return nil
	}
	body, err := get(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", r.page, int(r.profileFor.Seconds())))
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
