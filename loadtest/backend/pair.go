package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// Pair is an engine and a collector that stores in it, with a directory of their own.
type Pair struct {
	Engine, Collector *proc.Process
	At                string // address of the engine
	OTLP, Page        string // addresses of the collector's
	Store             *clickhouse.Store
	dir               string
}

// answerTime bounds a question: what takes long is to be measured, not refused.
const answerTime = 10 * time.Minute

// StartPair starts both below a directory, "" for that of temporary files. A Pair that
// comes with an error is to be stopped too.
func StartPair(ctx context.Context, below string, log io.Writer) (*Pair, error) {
	p := &Pair{}
	dir, err := os.MkdirTemp(below, "sightline-backend-")
	if err != nil {
		return p, err
	}
	p.dir = dir
	var said []string
	p.Engine, said, err = Start(ctx, log, Engine, "-dir", filepath.Join(dir, "engine"))
	if err != nil {
		return p, err
	}
	p.At = said[0]
	dsn := "http://default@" + p.At + "/sightline"
	p.Collector, said, err = Start(ctx, log, Collector, "-dir", filepath.Join(dir, "collector"), "-store", dsn)
	if err != nil {
		return p, err
	}
	if len(said) != 2 {
		return p, fmt.Errorf("the collector said %q", said)
	}
	p.OTLP, p.Page = said[0], said[1]
	p.Store, err = clickhouse.Open(ctx, clickhouse.Config{DSN: dsn, QueryTimeout: answerTime})
	return p, err
}

// Stop ends both and removes their data.
func (p *Pair) Stop() error {
	var errs []error
	if p.Store != nil {
		errs = append(errs, p.Store.Close())
	}
	for _, one := range []*proc.Process{p.Collector, p.Engine} {
		if one != nil {
			errs = append(errs, one.Stop())
		}
	}
	if p.dir != "" {
		errs = append(errs, os.RemoveAll(p.dir))
	}
	return errors.Join(errs...)
}

// Drained waits until the engine has so many spans and all that came with them, and
// nothing was dropped.
func (p *Pair) Drained(ctx context.Context, spans uint64, patience time.Duration) error {
	return proc.Await(ctx, patience, func(ctx context.Context) error {
		all, err := allBooks(ctx, p.Page)
		if err != nil {
			return err
		}
		for _, books := range all {
			if len(books.Dropped) > 0 {
				return fmt.Errorf("%s dropped: %v", books.Signal, books.Dropped)
			}
			if books.Queued > 0 {
				return fmt.Errorf("%d %s are queued", books.Queued, books.Unit)
			}
		}
		if n := all[0].Stored; n < spans {
			return fmt.Errorf("%d of %d spans stored", n, spans)
		}
		return nil
	}, p.Engine, p.Collector)
}
