package promql

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// TestAnswersAsPrometheus asks random questions of random series that both the store and
// Prometheus' TSDB hold: the answers are the same to the last bit. SIGHTLINE_PROMQL_RANDOM is
// how many questions there are, and of what seed: "5000,7".
func TestAnswersAsPrometheus(t *testing.T) {
	questions, seed := 150, uint64(1)
	if said := os.Getenv("SIGHTLINE_PROMQL_RANDOM"); said != "" {
		if _, err := fmt.Sscanf(said, "%d,%d", &questions, &seed); err != nil {
			t.Fatalf("SIGHTLINE_PROMQL_RANDOM is %q: want how many and of what seed, as 5000,7: %v", said, err)
		}
	}
	end := time.Date(2026, time.November, 3, 12, 0, 0, 0, time.UTC)
	both := newBoth(t, newRandom(seed).series(end.Add(-time.Hour), end, 15*time.Second))
	r := newRandom(seed)
	answered := 0
	for range questions {
		query := r.question(r.IntN(4))
		at := end.Add(-time.Duration(r.IntN(3000)) * time.Second)
		step := oneOf(r, 0, 13*time.Second, time.Minute, 7*time.Minute)
		theirs, ours := both.ask(t, query, at, step)
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("%s at %v, twelve steps of %v (- Prometheus' TSDB, + here):\n%s", query, at.Format(time.TimeOnly), step, diff)
		}
		if len(theirs) > 0 && !strings.HasPrefix(theirs[0], "error") {
			answered++
		}
	}
	t.Logf("%d of %d questions have an answer", answered, questions)
	if answered < questions/2 {
		t.Errorf("%d of %d questions have an answer: the rest compares nothing", answered, questions)
	}
}

// TestNamesAsPrometheus asks for the labels of random selections of series.
func TestNamesAsPrometheus(t *testing.T) {
	end := time.Date(2026, time.November, 3, 12, 0, 0, 0, time.UTC)
	both := newBoth(t, newRandom(1).series(end.Add(-20*time.Minute), end, time.Minute))
	r := newRandom(1)
	for range 40 {
		selector := r.selector()
		matchers, err := parser.NewParser(promqltest.TestParserOpts).ParseMetricSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		name := oneOf(r, "__name__", "job", "zone", "a.dotted", "none")
		theirs, ours := names(t, both.theirsIn, name, matchers), names(t, both.here, name, matchers)
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("%s, values of %s (- Prometheus' TSDB, + here):\n%s", selector, name, diff)
		}
	}
}

// names are the names of the labels that series have, and the values of one of them.
func names(t *testing.T, in storage.Queryable, name string, matchers []*labels.Matcher) [2][]string {
	t.Helper()
	q, err := in.Querier(0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	names, _, err := q.LabelNames(t.Context(), nil, slices.Clone(matchers)...)
	if err != nil {
		t.Fatal(err)
	}
	values, _, err := q.LabelValues(t.Context(), name, nil, slices.Clone(matchers)...)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(values)
	return [2][]string{append([]string{}, names...), append([]string{}, values...)}
}

// both are two engines alike, over Prometheus' TSDB and over the store.
type both struct {
	theirs, ours   *prom.Engine
	theirsIn, here storage.Queryable
}

func newBoth(t *testing.T, all []randomSeries) *both {
	t.Helper()
	s := clickhousetest.Open(t, storetest.Start(t))
	theirs := teststorage.New(t, func(o *tsdb.Options) {
		o.EnableSTStorage, o.FloatChunkEncoding, o.EnableHistogramSTEncoding = true, chunkenc.EncXOR2, true
	})
	a := theirs.AppenderV2(t.Context())
	var batch []clickhouse.Sample
	for _, series := range all {
		l := labels.FromMap(series.labels)
		pairs := l.Map()
		delete(pairs, model.MetricNameLabel)
		for _, v := range series.samples {
			if _, err := a.Append(0, l, v.since, v.at, v.value, nil, v.histogram, storage.AppendV2Options{}); err != nil {
				t.Fatalf("%s at %d: %v", l, v.at, err)
			}
			sample := clickhouse.Sample{Metric: series.labels[model.MetricNameLabel], Labels: pairs, Time: time.UnixMilli(v.at), Value: v.value}
			if v.histogram != nil {
				sample.Histogram = v.histogram.Copy()
			}
			if v.since != 0 {
				sample.Start = time.UnixMilli(v.since)
			}
			batch = append(batch, sample)
		}
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	for i, part := range slices.Collect(slices.Chunk(batch, len(batch)/3+1)) { // so that there are several parts
		if err := s.InsertSamples(t.Context(), strconv.Itoa(i), part); err != nil {
			t.Fatal(err)
		}
	}
	b := &both{theirsIn: inOrder{theirs}, here: New(Config{}, s).Queryable()}
	p := parser.NewParser(promqltest.TestParserOpts)
	b.theirs, b.ours = newPatient(t, p), newPatient(t, noting{p})
	return b
}

// inOrder reads series in order of their labels, in which sums and ties come out alike.
type inOrder struct{ storage.Queryable }

func (s inOrder) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := s.Queryable.Querier(mint, maxt)
	return orderedQuerier{q}, err
}

type orderedQuerier struct{ storage.Querier }

func (q orderedQuerier) Select(ctx context.Context, _ bool, h *storage.SelectHints, m ...*labels.Matcher) storage.SeriesSet {
	return q.Querier.Select(ctx, true, h, m...)
}

// newPatient is an engine that knows all of the language and never gives up.
func newPatient(t *testing.T, p parser.Parser) *prom.Engine {
	t.Helper()
	return promqltest.NewTestEngineWithOpts(t, prom.EngineOpts{
		MaxSamples: 50_000_000, Timeout: patience, NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		EnableAtModifier: true, EnableNegativeOffset: true, EnableDelayedNameRemoval: true, UseStartTimestamps: true, Parser: p,
	})
}

// ask asks both, at one time where the step is zero.
func (b *both) ask(t *testing.T, query string, at time.Time, step time.Duration) (theirs, ours []string) {
	t.Helper()
	one := func(e *prom.Engine, of storage.Queryable) []string {
		q, err := e.NewInstantQuery(t.Context(), of, nil, query, at)
		if step > 0 {
			q, err = e.NewRangeQuery(t.Context(), of, nil, query, at.Add(-12*step), at, step)
		}
		if err != nil {
			return []string{"error: " + err.Error()}
		}
		defer q.Close()
		res := q.Exec(t.Context())
		if res.Err != nil {
			return []string{"error"} // which may name one of several series
		}
		return append(lines(res.Value), said(res.Warnings, query)...)
	}
	return one(b.theirs, b.theirsIn), one(b.ours, b.here)
}

// lines tells a value, a line for each series.
func lines(v parser.Value) (out []string) {
	switch v := v.(type) {
	case prom.Vector:
		for _, s := range v {
			out = append(out, fmt.Sprint(s.Metric, " ", s.T, exactly(s.F, s.H)))
		}
	case prom.Matrix:
		for _, s := range v {
			points := []string{s.Metric.String()}
			for _, p := range s.Floats {
				points = append(points, fmt.Sprint(p.T, exactly(p.F, nil)))
			}
			for _, p := range s.Histograms {
				points = append(points, fmt.Sprint(p.T, exactly(0, p.H)))
			}
			out = append(out, strings.Join(points, " "))
		}
	default:
		out = append(out, v.String())
	}
	slices.Sort(out) // a subquery's series come in no order
	return out
}

// exactly is a value to its last bit. How a histogram lies in memory is of no interest, nor
// what is known of a counter's resets: a TSDB forgets that where a chunk begins.
func exactly(v float64, h *histogram.FloatHistogram) string {
	if h == nil {
		return fmt.Sprintf(" => %v (%x)", v, math.Float64bits(v))
	}
	h = h.Copy().Compact(0)
	if h.CounterResetHint != histogram.GaugeType {
		h.CounterResetHint = histogram.UnknownCounterReset
	}
	return " => " + h.TestExpression()
}

// said are the annotations but for those that depend on where a TSDB's chunks begin.
func said(all annotations.Annotations, query string) []string {
	warnings, infos := all.AsStrings(query, 0, 0)
	out := slices.DeleteFunc(slices.Concat(warnings, infos), func(s string) bool { return strings.Contains(s, "conflicting counter resets") })
	slices.Sort(out)
	return out
}
