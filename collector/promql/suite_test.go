package promql

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// TestPrometheusSuite runs Prometheus' own tests of the language: what they load goes
// to the store's tables, and what they ask is read from there. It asks some 1,900 times
// and empties the tables 240 times, which is ten minutes of processor time: too much for
// every run.
func TestPrometheusSuite(t *testing.T) {
	if os.Getenv("SIGHTLINE_PROMQL_SUITE") == "" {
		t.Skip("takes ten minutes and more: set SIGHTLINE_PROMQL_SUITE=1, and -timeout 60m")
	}
	dsn := storetest.Start(t)
	clickhousetest.Open(t, dsn)
	// The suite's time begins in 1970, which is long out of retention.
	clickhousetest.Exec(t, dsn, "SYSTEM STOP TTL MERGES")
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	promqltest.RunBuiltinTestsWithStorage(t, engine, func(t testing.TB) storage.Storage {
		for _, table := range []string{"series", "samples", "histograms"} {
			clickhousetest.Exec(t, dsn, "TRUNCATE TABLE sightline."+table)
		}
		return newTables(t, dsn)
	})
}

// tables is a storage.Storage over the store's tables: what the engine reads in
// production, and an appender.
type tables struct {
	storage.Queryable
	storage.ChunkQueryable
	storage.Appendable

	store *clickhouse.Store
}

func newTables(t testing.TB, dsn string) *tables {
	s := clickhousetest.Open(t, dsn)
	return &tables{Queryable: New(Config{}, s).Queryable(), store: s}
}

func (*tables) StartTime() (int64, error) { return 0, nil }
func (*tables) Close() error              { return nil }

func (s *tables) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &tablesAppender{ctx: ctx, to: s.store}
}

type tablesAppender struct {
	ctx   context.Context
	to    *clickhouse.Store
	batch []clickhouse.Sample
}

//nolint:revive // the interface is Prometheus'
func (a *tablesAppender) Append(ref storage.SeriesRef, l labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, _ storage.AppendV2Options) (storage.SeriesRef, error) {
	if h != nil {
		fh = h.ToFloat(nil)
	} else if fh != nil {
		fh = fh.Copy()
	}
	pairs := l.Map()
	delete(pairs, model.MetricNameLabel)
	s := clickhouse.Sample{Metric: l.Get(model.MetricNameLabel), Labels: pairs, Time: time.UnixMilli(t), Value: v, Histogram: fh}
	if st != 0 {
		s.Start = time.UnixMilli(st)
	}
	a.batch = append(a.batch, s)
	return ref, nil
}

func (a *tablesAppender) Commit() error {
	return a.to.InsertSamples(a.ctx, rand.Text(), a.batch)
}

func (*tablesAppender) Rollback() error { return nil }
