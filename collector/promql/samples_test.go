package promql

import (
	"crypto/rand"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// told is one value as it was written or read.
type told struct {
	At, Since int64
	Bits      uint64
	Histogram bool
	Schema    int32
	Count     float64
}

// TestValuesKeepTheirTimes reads series of which nearly all that the engine stores is zero:
// it keeps such columns in another form.
func TestValuesKeepTheirTimes(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	first := time.Now().Add(-time.Hour).Truncate(time.Second)
	seldom := map[int]float64{
		17: 1, 40: math.Inf(1), 41: math.Inf(-1), 42: math.Copysign(0, -1), 99: math.NaN(),
		100: math.Float64frombits(value.StaleNaN), 101: math.Float64frombits(0x7ff8_0000_dead_beef), 150: 5e-324, 151: math.MaxFloat64,
	}
	var samples []clickhouse.Sample
	want := map[string][]told{}
	for i := range 400 {
		at := first.Add(time.Duration(i)*time.Second + time.Duration(i%7)*time.Millisecond)
		v := clickhouse.Sample{Metric: "errors_total", Time: at, Value: seldom[i]}
		h := clickhouse.Sample{Metric: "waits", Time: at, Histogram: &histogram.FloatHistogram{Count: 1, ZeroCount: 1}}
		if i == 123 {
			v.Start, h.Start = first, first
			h.Histogram.Schema = 3
		}
		samples = append(samples, v, h)
		for _, s := range []clickhouse.Sample{v, h} {
			w := told{At: at.UnixMilli(), Bits: math.Float64bits(s.Value)}
			if !s.Start.IsZero() {
				w.Since = s.Start.UnixMilli()
			}
			if s.Histogram != nil {
				w.Histogram, w.Schema, w.Count = true, s.Histogram.Schema, s.Histogram.Count
			}
			want[s.Metric] = append(want[s.Metric], w)
		}
	}
	if err := s.InsertSamples(t.Context(), "seldom", samples); err != nil {
		t.Fatal(err)
	}
	for metric, want := range want {
		if diff := cmp.Diff(want, read(t, s, metric, first, first.Add(time.Hour))); diff != "" {
			t.Errorf("%s: %s", metric, diff)
		}
	}
}

// TestOneValueAtATime writes several values at one time, in both orders and in any order of
// parts: which of them is read is the same each time.
func TestOneValueAtATime(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	stale := math.Float64frombits(value.StaleNaN)
	waits := func(n float64) clickhouse.Sample {
		return clickhouse.Sample{Histogram: &histogram.FloatHistogram{Count: n}}
	}
	for i, c := range []struct {
		a, b clickhouse.Sample
		want told
	}{
		{clickhouse.Sample{Value: 5}, clickhouse.Sample{Value: 7}, told{Bits: math.Float64bits(7)}},
		{clickhouse.Sample{Value: stale}, clickhouse.Sample{Value: -1}, told{Bits: math.Float64bits(-1)}},
		{clickhouse.Sample{Value: stale}, clickhouse.Sample{Value: math.NaN()}, told{Bits: math.Float64bits(math.NaN())}},
		{clickhouse.Sample{Value: 7}, waits(0), told{Histogram: true}},
		{waits(2), waits(3), told{Histogram: true, Count: 3}},
	} {
		for order, all := range [][]clickhouse.Sample{{c.a, c.b}, {c.b, c.a}} {
			metric := fmt.Sprintf("twice_%d_%d", i, order)
			for _, v := range all {
				v.Metric, v.Time = metric, at
				if err := s.InsertSamples(t.Context(), rand.Text(), []clickhouse.Sample{v}); err != nil {
					t.Fatal(err)
				}
			}
			c.want.At = at.UnixMilli()
			if diff := cmp.Diff([]told{c.want}, read(t, s, metric, at, at)); diff != "" {
				t.Errorf("%s: %s", metric, diff)
			}
		}
	}
}

// read reads the only series of a metric.
func read(t *testing.T, s Store, metric string, start, end time.Time) []told {
	t.Helper()
	q, err := New(Config{}, s).Queryable().Querier(0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	return tell(t, q.Select(t.Context(), true, &storage.SelectHints{Start: start.UnixMilli(), End: end.UnixMilli()},
		labels.MustNewMatcher(labels.MatchEqual, "__name__", metric)))
}

// tell reads all of the only series.
func tell(t *testing.T, set storage.SeriesSet) (out []told) {
	t.Helper()
	if !set.Next() {
		t.Fatal("no series: ", set.Err())
	}
	it := set.At().Iterator(nil)
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		v := told{At: it.AtT(), Since: it.AtST()}
		if kind == chunkenc.ValFloatHistogram {
			_, h := it.AtFloatHistogram(nil)
			v.Histogram, v.Schema, v.Count = true, h.Schema, h.Count
		} else {
			_, f := it.At()
			v.Bits = math.Float64bits(f)
		}
		out = append(out, v)
	}
	if set.Next() {
		t.Fatalf("another series: %s", set.At().Labels())
	}
	return out
}
