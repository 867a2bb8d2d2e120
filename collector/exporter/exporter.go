// Package exporter is the Collector's exporter into the mesh's store: OTLP in, columns
// out, one INSERT per table and batch.
//
// What sidecars send is recognised and goes to tables of its own: RED metrics (scope
// signal.ScopeRED) become rows of red, access logs (event signal.AccessLog) rows with
// typed columns. Everything else is an application's: its spans and log records are
// kept, its metrics become series as Prometheus names them, and its client spans
// towards peers that no sidecar speaks for become edges of the service graph.
//
// A batch that the store did not acknowledge is tried again with the token it had
// before, so that it is stored once whatever became of the first try; by the next process
// where this one is killed: see package queue.
package exporter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	otelexporter "go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/queue"
)

// Type is the component's type in a Collector's configuration.
const Type = "sightline"

// The signals' names in the books.
const (
	traces  = account.Traces
	logs    = account.Logs
	metrics = account.Metrics
)

// Accounting is told what becomes of items (spans, log records, metric points), each
// once, and of those that an earlier process left queued. It must not block.
type Accounting interface {
	Received(signal string, n int)
	Stored(signal string, n int)
	Dropped(signal, reason string, n int)
}

// Open gives the store that exists for as long as the Collector runs. It is asked for
// each batch; an error means that the store is not ready, and the batch waits.
type Open func() (*clickhouse.Store, error)

// Decisions are those about traces: spans wait on disk for so long, and then what the sieve
// leaves out is not stored. Without a sieve all are stored at once.
type Decisions struct {
	Sieve *Sieve
	Wait  time.Duration
}

// NewFactory makes the exporter's factory. What the pipelines made by it store or drop
// is told to acc.
func NewFactory(open Open, acc Accounting, d Decisions) otelexporter.Factory {
	x := &sink{open: open, acc: acc, decisions: d}
	return otelexporter.NewFactory(component.MustNewType(Type), func() component.Config {
		c := queue.Default()
		return &c
	},
		otelexporter.WithTraces(x.newTraces, component.StabilityLevelAlpha),
		otelexporter.WithLogs(x.newLogs, component.StabilityLevelAlpha),
		otelexporter.WithMetrics(x.newMetrics, component.StabilityLevelAlpha))
}

// sink turns requests into batches and hands them to the store.
type sink struct {
	open      Open
	acc       Accounting
	decisions Decisions
}

func (x *sink) newTraces(_ context.Context, set otelexporter.Settings, c component.Config) (otelexporter.Traces, error) {
	deps := depsOf(x, traces, func(c queue.Content[ptrace.Traces], name string) batch { return traceBatch(c.Parts, name) }, set)
	deps.Render = renderSpans
	if x.decisions.Sieve != nil {
		deps.Sieve, deps.Delay = x.decisions.Sieve, x.decisions.Wait
	}
	return queue.NewTraces(configOf(c), deps), nil
}

func (x *sink) newLogs(_ context.Context, set otelexporter.Settings, c component.Config) (otelexporter.Logs, error) {
	deps := depsOf(x, logs, func(c queue.Content[plog.Logs], name string) batch { return logBatch(c.Parts, name) }, set)
	deps.Render = renderLogs
	return queue.NewLogs(configOf(c), deps), nil
}

func (x *sink) newMetrics(_ context.Context, set otelexporter.Settings, c component.Config) (otelexporter.Metrics, error) {
	deps := depsOf(x, metrics, func(c queue.Content[pmetric.Metrics], name string) batch { return metricBatch(c.Request, name) }, set)
	return queue.NewMetrics(configOf(c), deps), nil
}

func configOf(c component.Config) queue.Config {
	conf, ok := c.(*queue.Config)
	if !ok { // the Collector hands back what the factory made
		return queue.Default()
	}
	return *conf
}

// depsOf are those of the queue of a signal whose requests become batches.
func depsOf[T any](x *sink, signal string, of func(queue.Content[T], string) batch, set otelexporter.Settings) queue.Deps[T] {
	return queue.Deps[T]{
		Prepare: func(c queue.Content[T], name string) func(context.Context) error {
			b := of(c, name)
			return func(ctx context.Context) error { return x.deliver(ctx, b) }
		},
		Books: signalBooks{signal, x.acc},
		Log:   set.Logger,
	}
}

// signalBooks are the Accounting of one signal.
type signalBooks struct {
	signal string
	acc    Accounting
}

// Received implements queue.Books.
func (b signalBooks) Received(items int) { b.acc.Received(b.signal, items) }

// Dropped implements queue.Books.
func (b signalBooks) Dropped(reason string, items int) { b.acc.Dropped(b.signal, reason, items) }

// batch is one request's rows, ready to be stored.
type batch struct {
	signal  string
	items   int // of the request, dropped ones included
	dropped drops
	store   func(context.Context, *clickhouse.Store) error // all tables; safe to repeat
}

// drops counts what of a request cannot be stored, by reason.
type drops map[string]int

func (d drops) add(other drops) {
	for reason, n := range other {
		d[reason] += n
	}
}

func (d drops) total() int {
	n := 0
	for _, v := range d {
		n += v
	}
	return n
}

// partsOf are parts of which it is known what they are.
func partsOf[P queue.Part](parts []queue.Part) iter.Seq[P] {
	return func(yield func(P) bool) {
		for _, p := range parts {
			if p, ok := p.(P); ok && !yield(p) {
				return
			}
		}
	}
}

// deliver stores a batch and keeps the books: each item is counted once, when it is
// known what became of it. A returned error is permanent when another try is useless.
func (x *sink) deliver(ctx context.Context, b batch) error {
	store, err := x.open()
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	err = b.store(ctx, store)
	refused, ok := errors.AsType[*clickhouse.RefusedError](err)
	if err != nil && !ok {
		return fmt.Errorf("store %s: %w", b.signal, err)
	}
	for reason, n := range b.dropped {
		x.acc.Dropped(b.signal, reason, n)
	}
	left := b.items - b.dropped.total()
	if !ok {
		x.acc.Stored(b.signal, left)
		return nil
	}
	n := min(refused.Rows, left)
	x.acc.Dropped(b.signal, refusedByStore, n)
	x.acc.Stored(b.signal, left-n)
	return consumererror.NewPermanent(fmt.Errorf("store %s: %d of %d dropped: %w", b.signal, n, b.items, err))
}

// Reasons for which an item is never stored.
const (
	refusedByStore = "refused-by-store"
	outOfTime      = "time-out-of-range"
	noTraceID      = "no-trace-id"
	notUTF8        = "not-utf-8"
	tooRepetitive  = "resource-too-large" // for as many rows as it has
	deltaMetric    = "delta-temporality"
	badHistogram   = "bad-histogram" // counts that contradict each other, a scale out of range
	emptyMetric    = "no-value"
)
