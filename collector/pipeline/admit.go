package pipeline

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/admit"
	"github.com/sightline-mesh/sightline/collector/throttle"
)

const admitType = "sightline_admit"

// admitFactory makes the processor that takes out of a request what is not taken, and
// has the sender told: see package admit. It stands before the books, since what it
// refuses or rejects is not received.
func admitFactory(a *admit.Admission, l *account.Ledger) processor.Factory {
	by := admission{admission: a, ledger: l}
	return processor.NewFactory(
		component.MustNewType(admitType),
		func() component.Config { return &struct{}{} },
		processor.WithTraces(func(_ context.Context, _ processor.Settings, _ component.Config, next consumer.Traces) (processor.Traces, error) {
			return admitTraces{by, next}, nil
		}, component.StabilityLevelStable),
		processor.WithLogs(func(_ context.Context, _ processor.Settings, _ component.Config, next consumer.Logs) (processor.Logs, error) {
			return admitLogs{by, next}, nil
		}, component.StabilityLevelStable),
		processor.WithMetrics(func(_ context.Context, _ processor.Settings, _ component.Config, next consumer.Metrics) (processor.Metrics, error) {
			return admitMetrics{by, next}, nil
		}, component.StabilityLevelStable),
	)
}

// admission is what the processors of the three signals have in common.
type admission struct {
	component.StartFunc
	component.ShutdownFunc

	admission *admit.Admission
	ledger    *account.Ledger
}

// Capabilities implements consumer.Traces, Logs and Metrics.
func (admission) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// pass hands on what is left of a request of n items, once it is decided, and tells its
// sender of the rest.
func (a admission) pass(ctx context.Context, signal string, n int, decide func(admit.Sender) (*admit.Outcome, error), next func() error) error {
	x := exchangeOf(ctx)
	x.decided = true
	out, err := decide(x.sender)
	if refused, ok := errors.AsType[*throttle.RefusedError](err); ok {
		a.admission.Return(out)
		return x.answer(tooFast(a.ledger, signal, n, refused))
	}
	if err := out.Invalid(); err != nil {
		out.Enter(a.ledger)
		return x.answer(invalid(err))
	}
	if out.Left() > 0 {
		if err := next(); err != nil {
			a.admission.Return(out)
			return x.answer(err)
		}
	}
	out.Enter(a.ledger)
	if out.Rejected() == 0 {
		return nil
	}
	if x.partial {
		x.rejected, x.message = out.Rejected(), out.Message()
		return nil
	}
	return x.answer(invalid(errors.New(out.Message()))) // there is no other way to tell; the rest is taken
}

// invalid is err as an answer that says never to come again.
func invalid(err error) error {
	return status.Error(codes.InvalidArgument, err.Error())
}

type admitTraces struct {
	admission
	next consumer.Traces
}

// ConsumeTraces implements consumer.Traces.
func (a admitTraces) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	return a.pass(ctx, account.Traces, td.SpanCount(),
		func(s admit.Sender) (*admit.Outcome, error) { return a.admission.admission.Traces(s, td) },
		func() error { return a.next.ConsumeTraces(ctx, td) })
}

type admitLogs struct {
	admission
	next consumer.Logs
}

// ConsumeLogs implements consumer.Logs.
func (a admitLogs) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	return a.pass(ctx, account.Logs, ld.LogRecordCount(),
		func(s admit.Sender) (*admit.Outcome, error) { return a.admission.admission.Logs(s, ld) },
		func() error { return a.next.ConsumeLogs(ctx, ld) })
}

type admitMetrics struct {
	admission
	next consumer.Metrics
}

// ConsumeMetrics implements consumer.Metrics.
func (a admitMetrics) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	return a.pass(ctx, account.Metrics, md.DataPointCount(),
		func(s admit.Sender) (*admit.Outcome, error) { return a.admission.admission.Metrics(s, md) },
		func() error { return a.next.ConsumeMetrics(ctx, md) })
}
