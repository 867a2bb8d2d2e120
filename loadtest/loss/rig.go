package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/freeport"
)

// rig is the backend, and what is done to it.
type rig struct {
	options

	log               io.Writer
	dice              *rand.Rand
	disk              *disk
	engine, collector *part
	store             *clickhouse.Store
	sender            *sender
	page              string
	dropped           map[string]uint64 // by reason, of collectors that were killed
	mostQueued        uint64
	drained           time.Duration // from the last request to the last span stored
}

// try does all of it.
func try(ctx context.Context, o options, log io.Writer) (*result, error) {
	d, err := newDisk(ctx, o.dir, o.disk)
	if err != nil {
		return nil, err
	}
	r := &rig{options: o, log: log, disk: d, dice: rand.New(rand.NewPCG(o.seed, 1)), dropped: map[string]uint64{}}
	say(log, "data are in %s, seed %d", d.dir, o.seed)
	result, err := r.all(ctx)
	return result, errors.Join(err, r.stop())
}

func (r *rig) all(ctx context.Context) (*result, error) {
	if err := r.begin(ctx); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	if err := r.suffer(ctx); err != nil {
		return nil, err
	}
	if err := r.drain(ctx); err != nil {
		return nil, err
	}
	return r.look(ctx)
}

func (r *rig) begin(ctx context.Context) error {
	ports, err := freeport.Find(ctx, 3)
	if err != nil {
		return err
	}
	engine, otlp, page := ports[0].String(), ports[1].String(), ports[2].String()
	dsn := "http://default@" + engine + "/sightline"
	if r.store, err = clickhouse.Open(ctx, clickhouse.Config{DSN: dsn, QueryTimeout: r.patience}); err != nil {
		return err
	}
	r.page, r.sender = page, newSender(r.options, otlp)
	r.engine = &part{log: r.log, ready: r.store.Ping, args: []string{
		backend.Engine, "-dir", filepath.Join(r.disk.dir, "engine"), "-listen", engine,
	}}
	r.collector = &part{log: r.log, ready: r.answers, args: []string{
		backend.Collector, "-dir", filepath.Join(r.disk.dir, "collector"), "-store", dsn, "-listen", otlp, "-page", page,
	}}
	for _, p := range []*part{r.engine, r.collector} {
		if err := p.start(ctx); err != nil {
			return err
		}
		if err := p.await(ctx, r.patience); err != nil {
			return err
		}
	}
	return nil
}

// answers is nil where the collector shows its books.
func (r *rig) answers(ctx context.Context) error {
	_, err := backend.Books(ctx, r.page)
	return err
}

// suffer sends, kills and fills, until everything is sent.
func (r *rig) suffer(ctx context.Context) error {
	sending, cancel := context.WithTimeout(ctx, r.length+r.patience)
	defer cancel()
	sent := make(chan error, 1)
	go func() { sent <- r.sender.run(sending) }()
	filled := make(chan error, 1)
	go func() { filled <- r.fill(sending) }()
	err := r.killUntil(ctx, sent) // on this thread, with which children end
	cancel()
	return errors.Join(err, <-filled)
}

// fill fills the disk up when half of the time is over.
func (r *rig) fill(ctx context.Context) error {
	if r.options.disk == 0 || !pause(ctx, r.length/2) {
		return nil
	}
	release, err := r.disk.fill()
	if err != nil {
		return err
	}
	say(r.log, "the disk is full")
	pause(ctx, r.full)
	say(r.log, "there is room again")
	return release()
}

// killUntil kills one or the other, or both, until the sender has ended.
func (r *rig) killUntil(ctx context.Context, sent <-chan error) error {
	for {
		wait := time.NewTimer(r.kills/2 + time.Duration(r.dice.Int64N(int64(r.kills))))
		select {
		case err := <-sent:
			wait.Stop()
			return err
		case <-wait.C:
		}
		if err := r.killOne(ctx); err != nil {
			return errors.Join(err, <-sent)
		}
	}
}

func (r *rig) killOne(ctx context.Context) error {
	victims := [][]*part{{r.engine}, {r.collector}, {r.collector, r.engine}}[r.dice.IntN(3)]
	for _, p := range victims {
		if p == r.collector {
			r.keepBooks(ctx)
		}
		if err := p.kill(); err != nil {
			return err
		}
		say(r.log, "killed the %s", p.args[0])
	}
	pause(ctx, time.Duration(r.dice.Int64N(int64(2*time.Second))))
	for _, p := range victims {
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	for _, p := range victims {
		if err := p.await(ctx, r.patience); err != nil {
			return err
		}
	}
	return nil
}

// stop ends everything and removes the data.
func (r *rig) stop() error {
	var bad []error
	if r.store != nil {
		bad = append(bad, r.store.Close())
	}
	for _, p := range []*part{r.collector, r.engine} {
		if p != nil {
			bad = append(bad, p.stop())
		}
	}
	if !r.keep {
		bad = append(bad, r.disk.drop())
	}
	return errors.Join(bad...)
}

func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}
