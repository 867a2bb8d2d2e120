package queue

import (
	"context"

	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/pref"
)

// NewTraces is an exporter of spans.
func NewTraces(c Config, d Deps[ptrace.Traces]) exporter.Traces {
	return traces{newQueue(c, Form[ptrace.Traces]{
		Encode: (&ptrace.ProtoMarshaler{}).MarshalTraces,
		Decode: (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces,
		Items:  ptrace.Traces.SpanCount,
		New:    ptrace.NewTraces,
		Join: func(into, from ptrace.Traces) {
			from.ResourceSpans().MoveAndAppendTo(into.ResourceSpans())
		},
		Hold: pref.RefTraces,
		Let:  pref.UnrefTraces,
	}, d)}
}

// NewLogs is an exporter of log records.
func NewLogs(c Config, d Deps[plog.Logs]) exporter.Logs {
	return logs{newQueue(c, Form[plog.Logs]{
		Encode: (&plog.ProtoMarshaler{}).MarshalLogs,
		Decode: (&plog.ProtoUnmarshaler{}).UnmarshalLogs,
		Items:  plog.Logs.LogRecordCount,
		New:    plog.NewLogs,
		Join: func(into, from plog.Logs) {
			from.ResourceLogs().MoveAndAppendTo(into.ResourceLogs())
		},
		Hold: pref.RefLogs,
		Let:  pref.UnrefLogs,
	}, d)}
}

// NewMetrics is an exporter of metric points.
func NewMetrics(c Config, d Deps[pmetric.Metrics]) exporter.Metrics {
	return metrics{newQueue(c, Form[pmetric.Metrics]{
		Encode: (&pmetric.ProtoMarshaler{}).MarshalMetrics,
		Decode: (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics,
		Items:  pmetric.Metrics.DataPointCount,
		New:    pmetric.NewMetrics,
		Join: func(into, from pmetric.Metrics) {
			from.ResourceMetrics().MoveAndAppendTo(into.ResourceMetrics())
		},
		Hold: pref.RefMetrics,
		Let:  pref.UnrefMetrics,
	}, d)}
}

type traces struct{ *Queue[ptrace.Traces] }

// ConsumeTraces implements consumer.Traces.
func (q traces) ConsumeTraces(_ context.Context, td ptrace.Traces) error { return q.Append(td) }

type logs struct{ *Queue[plog.Logs] }

// ConsumeLogs implements consumer.Logs.
func (q logs) ConsumeLogs(_ context.Context, ld plog.Logs) error { return q.Append(ld) }

type metrics struct{ *Queue[pmetric.Metrics] }

// ConsumeMetrics implements consumer.Metrics.
func (q metrics) ConsumeMetrics(_ context.Context, md pmetric.Metrics) error { return q.Append(md) }
