package promql

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
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

// suite is every file of Prometheus' tests of the language, and whether it runs each time:
// all of them ask some 2,300 times, which is minutes of processor time. The others run
// where SIGHTLINE_PROMQL_SUITE is set.
//
// range_queries has one question that is answered otherwise, in line 93: that nothing was
// reset before the first histogram of `some_metric[2m]` is not known here, as what came
// before a window is not read.
var suite = map[string]bool{
	"aggregators":         false,
	"at_modifier":         false,
	"collision":           true,
	"duration_expression": false,
	"extended_vectors":    false,
	"fill-modifier":       false,
	"functions":           false,
	"histograms":          false,
	"info":                false,
	"limit":               false,
	"literals":            true,
	"name_label_dropping": false,
	"native_histograms":   false,
	"operators":           false,
	"range_queries":       false,
	"selectors":           false,
	"staleness":           true,
	"start_timestamps":    true,
	"subquery":            false,
	"trig_functions":      false,
	"type_and_unit":       false,
}

// files is a test that runs those files of the suite which are due, and remembers all.
type files struct {
	*testing.T

	all  bool
	seen map[string]bool
}

func (f *files) Run(path string, test func(*testing.T)) bool {
	name := strings.TrimSuffix(filepath.Base(path), ".test")
	always, known := suite[name]
	if !known {
		f.Errorf("%s is new in Prometheus' suite: add it to the list", path)
	}
	f.seen[name] = true
	return !always && !f.all || f.T.Run(name, test)
}

// TestPrometheusSuite runs Prometheus' own tests of the language: what they load goes
// to the store's tables, and what they ask is read from there.
func TestPrometheusSuite(t *testing.T) {
	dsn := storetest.Start(t)
	clickhousetest.Open(t, dsn)
	// The suite's time begins in 1970, which is long out of retention.
	clickhousetest.Exec(t, dsn, "SYSTEM STOP TTL MERGES")
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	f := &files{T: t, all: os.Getenv("SIGHTLINE_PROMQL_SUITE") != "", seen: map[string]bool{}}
	promqltest.RunBuiltinTestsWithStorage(f, engine, func(t testing.TB) storage.Storage {
		for _, table := range []string{"series", "samples", "histograms"} {
			clickhousetest.Exec(t, dsn, "TRUNCATE TABLE sightline."+table)
		}
		return newTables(t, dsn)
	})
	for name := range suite {
		if !f.seen[name] {
			t.Errorf("Prometheus' suite has no file %s any more", name)
		}
	}
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
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/sightline"
	// One of its own: what a store knows of series that it wrote is not true any more.
	s, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: u.String()})
	if err != nil {
		t.Fatal(err)
	}
	return &tables{Queryable: New(Config{}, s).Queryable(), store: s}
}

func (*tables) StartTime() (int64, error) { return 0, nil }
func (s *tables) Close() error            { return s.store.Close() }

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
