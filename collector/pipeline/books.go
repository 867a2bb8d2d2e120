package pipeline

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"google.golang.org/grpc/codes"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/queue"
	"github.com/sightline-mesh/sightline/collector/signal"
)

const booksType = "sightline_books"

// booksFactory makes the processor that counts what the queue took. It stands between the
// memory limiter and the queue: what either refuses is not received.
func booksFactory(l *account.Ledger, r *room) processor.Factory {
	b := books{ledger: l, room: r}
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
	room   *room
}

// Capabilities implements consumer.Traces, Logs and Metrics.
func (books) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// count enters n items that pass puts into the queue, unless it fails. What is in the queue
// and may not be on disk is its sender's, too, who sends it again.
func (b books) count(ctx context.Context, of string, n int, pass func() error) error {
	process := b.ledger.Stated(statement(ctx))
	b.ledger.Received(of, n)
	err := b.room.check()
	if err == nil {
		err = pass()
		b.room.wrote(err)
	}
	if err == nil || errors.Is(err, queue.ErrUnsafe) {
		b.ledger.Arrived(process, of, n)
		return err
	}
	b.ledger.Refused(of, n)
	return refusal(err)
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
	if errors.Is(err, queue.ErrFull) || isFull(err) {
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
