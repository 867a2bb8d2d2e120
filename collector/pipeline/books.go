package pipeline

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"google.golang.org/grpc/codes"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/signal"
)

const booksType = "sightline_books"

// booksFactory makes the processor that counts what the queue took, and holds the
// acknowledgement until the disk has it. It stands between the memory limiter and the
// queue: what either refuses is not received.
func booksFactory(l *account.Ledger, q *queues) processor.Factory {
	b := books{ledger: l, queues: q}
	return processor.NewFactory(
		component.MustNewType(booksType),
		func() component.Config { return &struct{}{} },
		processor.WithTraces(func(_ context.Context, _ processor.Settings, _ component.Config, next consumer.Traces) (processor.Traces, error) {
			return traceBooks{books: b, next: next}, nil
		}, component.StabilityLevelStable),
		processor.WithLogs(func(_ context.Context, _ processor.Settings, _ component.Config, next consumer.Logs) (processor.Logs, error) {
			return logBooks{books: b, next: next}, nil
		}, component.StabilityLevelStable),
		processor.WithMetrics(func(_ context.Context, _ processor.Settings, _ component.Config, next consumer.Metrics) (processor.Metrics, error) {
			return metricBooks{books: b, next: next}, nil
		}, component.StabilityLevelStable),
	)
}

// books is what the processors of the three signals have in common.
type books struct {
	component.StartFunc
	component.ShutdownFunc
	ledger *account.Ledger
	queues *queues
}

// Capabilities implements consumer.Traces, Logs and Metrics.
func (books) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// count enters n items that pass hands on, unless it fails. An error of the disk after
// that is the sender's, who sends them again: they are in the queue all the same.
func (b books) count(ctx context.Context, of string, n int, pass func() error) error {
	process := b.ledger.Stated(statement(ctx))
	b.ledger.Received(of, n)
	err := b.queues.room.check()
	if err == nil {
		err = pass()
	}
	if err != nil {
		b.ledger.Refused(of, n)
		return refusal(err)
	}
	b.ledger.Arrived(process, of, n)
	return b.queues.flush(of)
}

// statement is what the sender of a request says of itself, empty where it says nothing.
func statement(ctx context.Context) string {
	said := client.FromContext(ctx).Metadata.Get(signal.StatementHeader)
	if len(said) == 0 {
		return ""
	}
	return said[0]
}

// refusal is err as the sender is told it: to come again later where the queue is full.
func refusal(err error) error {
	if errors.Is(err, exporterhelper.ErrQueueIsFull) || isFull(err) {
		return later(codes.ResourceExhausted, err)
	}
	return err
}

type traceBooks struct {
	books
	next consumer.Traces
}

// ConsumeTraces implements consumer.Traces.
func (b traceBooks) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	return b.count(ctx, account.Traces, td.SpanCount(), func() error { return b.next.ConsumeTraces(ctx, td) })
}

type logBooks struct {
	books
	next consumer.Logs
}

// ConsumeLogs implements consumer.Logs.
func (b logBooks) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	return b.count(ctx, account.Logs, ld.LogRecordCount(), func() error { return b.next.ConsumeLogs(ctx, ld) })
}

type metricBooks struct {
	books
	next consumer.Metrics
}

// ConsumeMetrics implements consumer.Metrics.
func (b metricBooks) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	return b.count(ctx, account.Metrics, md.DataPointCount(), func() error { return b.next.ConsumeMetrics(ctx, md) })
}
