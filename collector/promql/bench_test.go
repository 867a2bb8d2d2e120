package promql

import (
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

const (
	benchServices = 50
	benchSpan     = 24 * time.Hour
	benchStep     = 15 * time.Second
	classicName   = "request_duration_milliseconds_bucket"
	nativeName    = "request_duration_milliseconds"
)

// BenchmarkQuantileOfADay asks our tables and Prometheus' own storage in this process by
// turns for the 99th percentile of 50 services over a day of 15 s: of 20 buckets each as
// series of their own, and of a native histogram each. It reports the time of each and
// how many times Prometheus' time ours is.
func BenchmarkQuantileOfADay(b *testing.B) {
	end := time.Now().Truncate(benchStep).Add(-time.Minute)
	ours, theirs := loadBoth(b, end)
	e := New(Config{}, ours)
	for name, query := range map[string]string{
		"classic": `histogram_quantile(0.99, sum by (le, service) (rate(` + classicName + `[5m])))`,
		"native":  `histogram_quantile(0.99, sum by (service) (rate(` + nativeName + `[5m])))`,
	} {
		b.Run(name, func(b *testing.B) {
			ask := func(q storage.Queryable) (m prom.Matrix, took time.Duration) {
				begin := time.Now()
				asked, err := e.engine.NewRangeQuery(b.Context(), q, nil, query, end.Add(-benchSpan), end, benchStep)
				if err != nil {
					b.Fatal(err)
				}
				defer asked.Close()
				m, err = asked.Exec(b.Context()).Matrix()
				took = time.Since(begin)
				if err != nil || len(m) != benchServices {
					b.Fatalf("%d services, %v", len(m), err)
				}
				return detached(m).(prom.Matrix), took
			}
			got, _ := ask(e.source)
			want, _ := ask(theirs)
			if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0), cmp.Comparer(labels.Equal)); diff != "" {
				b.Fatalf("the two do not agree:\n%.2000s", diff)
			}
			var sums [2]time.Duration
			for b.Loop() {
				_, a := ask(e.source)
				_, p := ask(theirs)
				sums[0], sums[1] = sums[0]+a, sums[1]+p
			}
			b.ReportMetric(float64(sums[0].Milliseconds())/float64(b.N), "ours-ms")
			b.ReportMetric(float64(sums[1].Milliseconds())/float64(b.N), "prometheus-ms")
			b.ReportMetric(float64(sums[0])/float64(sums[1]), "ratio")
		})
	}
}

// BenchmarkQuantileOfRED asks for the 99th percentile of each service over 15 minutes of 15 s
// where nearly each call has a row of its own: 2.1 million rows.
func BenchmarkQuantileOfRED(b *testing.B) {
	s := clickhousetest.Open(b, storetest.Start(b))
	end := time.Now().Truncate(time.Minute)
	clickhousetest.Busy(b, s, end.Add(-20*time.Minute), end)
	e := New(Config{}, s)
	for name, query := range map[string]string{
		"classic":   `histogram_quantile(0.99, sum by (le, destination_service_name) (rate(istio_request_duration_milliseconds_bucket[5m])))`,
		"native":    `histogram_quantile(0.99, sum by (destination_service_name) (rate(istio_request_duration_milliseconds[5m])))`,
		"requests":  `sum by (destination_service_name) (rate(istio_requests_total[5m]))`,
		"unaligned": `histogram_quantile(0.99, sum by (le, destination_service_name) (rate(istio_request_duration_milliseconds_bucket[5m] offset 437ms)))`,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				asked, err := e.engine.NewRangeQuery(b.Context(), e.source, nil, query, end.Add(-15*time.Minute), end, benchStep)
				if err != nil {
					b.Fatal(err)
				}
				m, err := asked.Exec(b.Context()).Matrix()
				if err != nil || len(m) != clickhousetest.BusyServices {
					b.Fatalf("%d services, %v", len(m), err)
				}
				asked.Close()
			}
		})
	}
}

// loadBoth fills our tables and a Prometheus storage with the same day.
func loadBoth(b *testing.B, end time.Time) (*clickhouse.Store, *tsdb.DB) {
	b.Helper()
	dsn := storetest.Start(b)
	ours := clickhousetest.Open(b, dsn)
	theirs, err := tsdb.Open(b.TempDir(), nil, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := theirs.Close(); err != nil {
			b.Error(err)
		}
	})
	services := newBenchServices()
	var batch []clickhouse.Sample
	for at := end.Add(-benchSpan - 5*time.Minute); !at.After(end); at = at.Add(benchStep) {
		a := theirs.Appender(b.Context())
		for _, s := range services {
			batch = s.scrape(b, at, a, batch)
		}
		if err := a.Commit(); err != nil {
			b.Fatal(err)
		}
		if len(batch) > 100_000 || !at.Before(end) {
			if err := ours.InsertSamples(b.Context(), at.String(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	for _, table := range []string{"samples", "histograms"} {
		clickhousetest.Exec(b, dsn, "OPTIMIZE TABLE sightline."+table+" FINAL")
	}
	if err := theirs.Compact(context.WithoutCancel(b.Context())); err != nil {
		b.Fatal(err)
	}
	return ours, theirs
}

// benchService is a service whose requests take some 20 ms, and some far longer.
type benchService struct {
	name    string
	random  *rand.Rand
	classic []labels.Labels
	pairs   []map[string]string
	counts  []float64
	bounds  []float64
	native  map[int16]float64
	total   float64
	sum     float64
}

func newBenchServices() []*benchService {
	all := make([]*benchService, benchServices)
	for i := range all {
		s := &benchService{name: "service-" + strconv.Itoa(i), random: rand.New(rand.NewPCG(1, uint64(i))), bounds: bounds(), native: map[int16]float64{}}
		for _, le := range (&metric{bounds: bounds(), unit: 1}).buckets(func(string) bool { return true }) {
			s.classic = append(s.classic, labels.FromStrings(model.MetricNameLabel, classicName, "le", le.le, "service", s.name))
			s.pairs = append(s.pairs, map[string]string{"le": le.le, "service": s.name})
		}
		s.counts = make([]float64, len(s.classic))
		all[i] = s
	}
	return all
}

// scrape serves some 50 requests and tells both storages.
func (s *benchService) scrape(b *testing.B, at time.Time, to storage.Appender, batch []clickhouse.Sample) []clickhouse.Sample {
	for range 40 + s.random.IntN(20) {
		ms := 20 * math.Exp(s.random.NormFloat64())
		s.total, s.sum = s.total+1, s.sum+ms
		s.native[signal.BucketOf(ms)]++
		for i, upTo := range s.bounds {
			if ms <= upTo {
				s.counts[i]++
			}
		}
	}
	for i, l := range s.classic {
		if _, err := to.Append(0, l, at.UnixMilli(), s.counts[i]); err != nil {
			b.Fatal(err)
		}
		batch = append(batch, clickhouse.Sample{Metric: classicName, Labels: s.pairs[i], Time: at, Value: s.counts[i]})
	}
	h := s.histogram()
	l := labels.FromStrings(model.MetricNameLabel, nativeName, "service", s.name)
	if _, err := to.AppendHistogram(0, l, at.UnixMilli(), nil, h.Copy()); err != nil {
		b.Fatal(err)
	}
	return append(batch, clickhouse.Sample{Metric: nativeName, Labels: map[string]string{"service": s.name}, Time: at, Histogram: h})
}

// histogram is what has been counted, as a native histogram.
func (s *benchService) histogram() *histogram.FloatHistogram {
	h := &histogram.FloatHistogram{Schema: signal.DurationScale, Count: s.total, Sum: s.sum}
	last := int32(0)
	for n, i := range slices.Sorted(maps.Keys(s.native)) {
		// Prometheus' bucket i ends where ours begins.
		at := int32(i) + 1
		switch {
		case n == 0:
			h.PositiveSpans = append(h.PositiveSpans, histogram.Span{Offset: at, Length: 1})
		case at == last+1:
			h.PositiveSpans[len(h.PositiveSpans)-1].Length++
		default:
			h.PositiveSpans = append(h.PositiveSpans, histogram.Span{Offset: at - last - 1, Length: 1})
		}
		h.PositiveBuckets = append(h.PositiveBuckets, s.native[i])
		last = at
	}
	return h
}
