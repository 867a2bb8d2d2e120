package promql

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// lanes is how many files of the suite run at a time, each on a database of its own.
const lanes = 2

// patience is how long a statement or a question may take: a machine that is busy with
// something else is no defect.
const patience = time.Hour

// TestPrometheusSuite runs Prometheus' own tests of the language, every one of them: what
// they load goes to the store's tables by way of InsertSamples, and what they ask is read
// from there.
func TestPrometheusSuite(t *testing.T) {
	dsn := storetest.Start(t)
	free := make(chan *lane, lanes)
	for i := range lanes {
		free <- newLane(t, dsn, fmt.Sprintf("suite%d", i))
	}
	engine := newPatient(t, parser.NewParser(promqltest.TestParserOpts))
	var on sync.Map // which lane a file is on, by its test's name
	f := &files{T: t, around: func(t *testing.T) {
		l := <-free
		on.Store(t.Name(), l)
		t.Cleanup(func() { free <- l })
	}}
	promqltest.RunBuiltinTestsWithStorage(f, engine, func(t testing.TB) storage.Storage {
		l, _ := on.Load(t.Name())
		return l.(*lane).empty(t)
	})
	if f.n == 0 {
		t.Error("Prometheus' suite has no files")
	}
}

// files is a test that runs the files of the suite side by side.
type files struct {
	*testing.T

	around func(*testing.T) // begins each
	n      int
}

func (f *files) Run(path string, test func(*testing.T)) bool {
	f.n++
	return f.T.Run(strings.TrimSuffix(filepath.Base(path), ".test"), func(t *testing.T) {
		t.Parallel()
		f.around(t)
		test(t)
	})
}

// lane is a database that one file at a time has for itself.
type lane struct{ dsn string }

func newLane(t *testing.T, dsn, database string) *lane {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	l := &lane{u.String()}
	s := l.open(t)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The suite's time begins in 1970, which is long out of retention.
	for _, table := range []string{"series", "samples", "histograms"} {
		clickhousetest.Exec(t, l.dsn, "SYSTEM STOP TTL MERGES "+table)
	}
	return l
}

func (l *lane) open(t testing.TB) *clickhouse.Store {
	t.Helper()
	s, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: l.dsn, QueryTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// empty is the database without a series. The store is a new one each time: what one knows
// of series that it wrote is not true any more.
func (l *lane) empty(t testing.TB) *tables {
	t.Helper()
	for _, table := range []string{"series", "samples", "histograms"} {
		clickhousetest.Exec(t, l.dsn, "TRUNCATE TABLE "+table)
	}
	s := l.open(t)
	return &tables{Queryable: New(Config{}, s).Queryable(), store: s, known: map[string][]storage.Series{}}
}

// tables is a storage.Storage over the store's tables: what the engine reads in
// production, and an appender.
type tables struct {
	storage.Queryable
	storage.ChunkQueryable
	storage.Appendable

	store *clickhouse.Store
	// What was read since something was written. The suite asks each question up to twelve
	// times, as of other times but for the same series between the same times.
	known map[string][]storage.Series
}

func (*tables) StartTime() (int64, error) { return 0, nil }
func (s *tables) Close() error            { return s.store.Close() }

func (s *tables) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := s.Queryable.Querier(mint, maxt)
	return &remembering{q, s}, err
}

// remembering is a querier that reads nothing twice.
type remembering struct {
	storage.Querier

	tables *tables
}

func (r *remembering) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	step := *hints
	step.Step = 0 // stored series have their values whatever the step is
	key := fmt.Sprintf("%+v %v", step, matchers)
	all, ok := r.tables.known[key]
	if !ok {
		found := r.Querier.Select(ctx, sorted, hints, matchers...)
		for found.Next() {
			all = append(all, found.At())
		}
		if found.Err() != nil {
			return found
		}
		r.tables.known[key] = all
	}
	return &set{series: all, at: -1}
}

func (s *tables) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &tablesAppender{ctx: ctx, to: s}
}

type tablesAppender struct {
	ctx   context.Context
	to    *tables
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
	clear(a.to.known)
	return a.to.store.InsertSamples(a.ctx, rand.Text(), a.batch)
}

func (*tablesAppender) Rollback() error { return nil }
