package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// intake is what sending everything took.
type intake struct {
	spans, refused    int
	acknowledged      time.Duration // from the first request to the last acknowledgement
	stored            time.Duration // to the engine's last
	collector, engine time.Duration // of processor
	wire              int64         // bytes
}

// usage is the processor time that both processes have used.
type usage struct{ collector, engine time.Duration }

func (r *rig) used() (u usage, err error) {
	cpu := proc.System()
	if u.collector, err = cpu.CPU(r.Collector.PID()); err != nil {
		return u, err
	}
	u.engine, err = cpu.CPU(r.Engine.PID())
	return u, err
}

// since counts what both have used meanwhile.
func (in *intake) since(before usage, r *rig) error {
	now, err := r.used()
	in.collector, in.engine = now.collector-before.collector, now.engine-before.engine
	return err
}

// fill sends the whole dataset, tries again what was refused, and waits until it is
// stored.
func (d *dataset) fill(ctx context.Context, r *rig) (in intake, err error) {
	before, err := r.used()
	if err != nil {
		return in, err
	}
	begun := time.Now()
	if err := r.sendAll(ctx, d, &in); err != nil {
		return in, err
	}
	in.acknowledged = time.Since(begun)
	if err := r.Drained(ctx, uint64(in.spans), r.patience); err != nil {
		return in, err
	}
	in.stored = time.Since(begun)
	return in, in.since(before, r)
}

func (r *rig) sendAll(ctx context.Context, d *dataset, in *intake) error {
	var next, spans, refused, wire atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range r.senders {
		g.Go(func() error {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				n := int(next.Add(1)) - 1
				if n >= d.batches() {
					return nil
				}
				body, items := d.batch(n)
				again, err := r.post(ctx, client, body)
				if err != nil {
					return err
				}
				spans.Add(int64(items))
				refused.Add(int64(again * items))
				wire.Add(int64(len(body)))
			}
		})
	}
	err := g.Wait()
	in.spans, in.refused, in.wire = int(spans.Load()), int(refused.Load()), wire.Load()
	return err
}

// post sends one request until it is acknowledged, and counts how often it was not.
func (r *rig) post(ctx context.Context, client *http.Client, body []byte) (refused int, err error) {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.OTLP+"/v1/traces", bytes.NewReader(body))
		if err != nil {
			return refused, err
		}
		req.Header.Set("Content-Type", "application/x-protobuf")
		res, err := client.Do(req)
		if err != nil {
			return refused, err
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		switch res.StatusCode {
		case http.StatusOK:
			return refused, nil
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		default:
			return refused, fmt.Errorf("send spans: %s: %q", res.Status, text)
		}
		refused++
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return refused, ctx.Err()
		}
	}
}
