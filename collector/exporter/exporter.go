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
// where this one is killed: see package inflight.
package exporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	otelexporter "go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

// Type is the component's type in a Collector's configuration.
const Type = "sightline"

// The signals' names in the books.
const (
	traces  = "traces"
	logs    = "logs"
	metrics = "metrics"
)

// Accounting is told what becomes of items (spans, log records, metric points), each
// once. It must not block.
type Accounting interface {
	Stored(signal string, n int)
	Dropped(signal, reason string, n int)
}

// Open gives the store that exists for as long as the Collector runs. It is asked for
// each batch; an error means that the store is not ready, and the batch waits.
type Open func() (*clickhouse.Store, error)

// NewFactory makes the exporter's factory. What the pipelines made by it store or drop
// is told to acc.
func NewFactory(open Open, acc Accounting) otelexporter.Factory {
	x := &sink{open: open, acc: acc}
	return otelexporter.NewFactory(component.MustNewType(Type), defaultConfig,
		otelexporter.WithTraces(x.newTraces, component.StabilityLevelAlpha),
		otelexporter.WithLogs(x.newLogs, component.StabilityLevelAlpha),
		otelexporter.WithMetrics(x.newMetrics, component.StabilityLevelAlpha))
}

// sink turns requests into batches and hands them to the store.
type sink struct {
	open Open
	acc  Accounting
}

func (x *sink) newTraces(ctx context.Context, set otelexporter.Settings, c component.Config) (otelexporter.Traces, error) {
	by := newCourier(x, traceForm(), c, set)
	return exporterhelper.NewTraces(ctx, set, c, by.consume, options(c, xexporterhelper.NewTracesQueueBatchSettings(), by.start)...)
}

func (x *sink) newLogs(ctx context.Context, set otelexporter.Settings, c component.Config) (otelexporter.Logs, error) {
	by := newCourier(x, logForm(), c, set)
	return exporterhelper.NewLogs(ctx, set, c, by.consume, options(c, xexporterhelper.NewLogsQueueBatchSettings(), by.start)...)
}

func (x *sink) newMetrics(ctx context.Context, set otelexporter.Settings, c component.Config) (otelexporter.Metrics, error) {
	by := newCourier(x, metricForm(), c, set)
	return exporterhelper.NewMetrics(ctx, set, c, by.consume, options(c, xexporterhelper.NewMetricsQueueBatchSettings(), by.start)...)
}

// batch is one request's rows, ready to be stored.
type batch struct {
	signal  string
	items   int // of the request, dropped ones included
	dropped drops
	store   func(context.Context, *clickhouse.Store) error // all tables; safe to repeat
}

// drops counts what of a request cannot be stored, by reason.
type drops map[string]int

func (d drops) total() int {
	n := 0
	for _, v := range d {
		n += v
	}
	return n
}

// deliver stores a batch and keeps the books: each item is counted once, when it is
// known what became of it. A returned error is permanent when another try is useless.
func (x *sink) deliver(ctx context.Context, b batch) error {
	store, err := x.open()
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if err := b.store(ctx, store); err != nil {
		if !clickhouse.Permanent(err) {
			return fmt.Errorf("store %s: %w", b.signal, err)
		}
		x.acc.Dropped(b.signal, refusedByStore, b.items)
		return consumererror.NewPermanent(fmt.Errorf("store %s: %w", b.signal, err))
	}
	x.count(b)
	return nil
}

// count keeps the books of a batch that is stored.
func (x *sink) count(b batch) {
	for reason, n := range b.dropped {
		x.acc.Dropped(b.signal, reason, n)
	}
	x.acc.Stored(b.signal, b.items-b.dropped.total())
}

// Reasons for which an item is never stored.
const (
	refusedByStore = "refused-by-store"
	outOfTime      = "time-out-of-range"
	noTraceID      = "no-trace-id"
	notUTF8        = "not-utf-8"
	deltaMetric    = "delta-temporality"
	badHistogram   = "bad-histogram" // counts that contradict each other, a scale out of range
	emptyMetric    = "no-value"
)
