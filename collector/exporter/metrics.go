package exporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func metricBatch(md pmetric.Metrics, name string) batch {
	red, plain, dropped := metricRows(md, clock{time.Now()})
	return batch{
		signal: metrics, items: md.DataPointCount(), dropped: dropped,
		store: func(ctx context.Context, s *clickhouse.Store) error {
			return clickhouse.Inserts(
				func() error { return s.InsertRED(ctx, name, red) },
				func() error { return s.InsertSamples(ctx, name, plain.samples) },
				func() error { return s.InsertExemplars(ctx, name, plain.exemplars) },
				func() error { return s.InsertMetadata(ctx, name, plain.metadata) },
			)
		},
	}
}

// metricRows gives a request's RED rows, and the samples and what belongs to them of
// everything else.
func metricRows(md pmetric.Metrics, c clock) ([]clickhouse.REDRow, *sampleBatch, drops) {
	red := newREDBatch()
	plain := &sampleBatch{clock: c, dropped: drops{}}
	for _, rm := range md.ResourceMetrics().All() {
		o := originOf(rm.Resource())
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if sm.Scope().Name() == signal.ScopeRED {
					red.addRED(o, m, c, plain.dropped)
					continue
				}
				plain.add(o, m)
			}
		}
	}
	return red.rows, plain, plain.dropped
}
