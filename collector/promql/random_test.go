package promql

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
)

// random makes series and questions, the same ones from the same seed.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 0))} }

// seldom is true once in n times.
func (r random) seldom(n int) bool { return r.IntN(n) == 0 }

func oneOf[T any](r random, all ...T) T { return all[r.IntN(len(all))] }

// randomSeries is one series, as both storages get it.
type randomSeries struct {
	labels  map[string]string // the metric's name among them
	samples []randomSample
}

type randomSample struct {
	at, since int64 // ms
	value     float64
	histogram *histogram.FloatHistogram
}

// series makes a few of every kind over a range, one sample every so often.
func (r random) series(start, end time.Time, every time.Duration) (out []randomSeries) {
	for _, kind := range []struct {
		metric string
		next   func() func(i int) randomSample
	}{
		{"requests_total", r.counters},
		{"level", r.gauges},
		{"errors_total", r.zeros},
		{"wait", r.histograms},
		{"size", r.ownBuckets},
		{"mixed", r.anything},
		{"depth", r.gaugeHistograms},
	} {
		for _, job := range []string{"a", "b", "c", "ä b"} {
			s := randomSeries{labels: map[string]string{"__name__": kind.metric, "job": job, "zone": oneOf(r, "x", "y")}}
			if r.seldom(2) {
				s.labels["a.dotted"] = oneOf(r, "1", "2", "")
			}
			s.samples = r.samples(start, end, every, kind.next())
			out = append(out, s)
		}
	}
	return out
}

func (r random) samples(start, end time.Time, every time.Duration, next func(int) randomSample) (out []randomSample) {
	kind, since, tells := randomSample{}, int64(0), r.seldom(3)
	for at, i := start, 0; at.Before(end); at, i = at.Add(every), i+1 {
		switch {
		case r.seldom(60):
			at = at.Add(time.Duration(r.IntN(12)) * time.Minute) // nobody scraped
			continue
		case r.seldom(50):
			kind = stale(kind)
		default:
			kind = next(i)
		}
		kind.at = at.UnixMilli() + int64(r.IntN(40))
		if tells && r.seldom(30) {
			since = kind.at - int64(r.IntN(10_000)) // it began anew
		}
		kind.since = since
		out = append(out, kind)
	}
	return out
}

// stale ends a series that last had such a sample.
func stale(last randomSample) randomSample {
	marker := math.Float64frombits(value.StaleNaN)
	if last.histogram != nil {
		return randomSample{histogram: &histogram.FloatHistogram{Sum: marker}}
	}
	return randomSample{value: marker}
}

func (r random) counters() func(int) randomSample {
	n := 0.
	return func(int) randomSample {
		if n += float64(r.IntN(50)); r.seldom(40) {
			n = float64(r.IntN(5))
		}
		return randomSample{value: n}
	}
}

func (r random) gauges() func(int) randomSample {
	return func(int) randomSample {
		if r.seldom(25) {
			return randomSample{value: oneOf(r, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1e300, 5e-324, -1e100)}
		}
		return randomSample{value: r.NormFloat64() * 100}
	}
}

func (r random) zeros() func(int) randomSample {
	n := 0.
	return func(int) randomSample {
		if n = 0; r.seldom(40) {
			n = 1
		}
		return randomSample{value: n}
	}
}

func (r random) histograms() func(int) randomSample {
	schema, offset, counts := int32(r.IntN(4)), int32(r.IntN(6)-3), make([]float64, 5)
	return func(int) randomSample {
		switch r.IntN(60) {
		case 0:
			clear(counts)
		case 1:
			schema, counts = int32(r.IntN(4)), make([]float64, 3+r.IntN(4))
		case 2:
			offset = int32(r.IntN(6) - 3)
		}
		for i := range counts {
			counts[i] += float64(r.IntN(3))
		}
		h := &histogram.FloatHistogram{
			Schema: schema, ZeroThreshold: 0.001, ZeroCount: counts[0], Count: counts[0],
			PositiveSpans: []histogram.Span{{Offset: offset, Length: 2}, {Offset: 1, Length: uint32(len(counts) - 2)}},
			NegativeSpans: []histogram.Span{{Offset: 0, Length: 1}}, NegativeBuckets: []float64{counts[1]},
		}
		for _, n := range counts {
			h.PositiveBuckets = append(h.PositiveBuckets, n)
			h.Count += n
			h.Sum += n * 1.37
		}
		h.Count += counts[1]
		return randomSample{histogram: h}
	}
}

func (r random) gaugeHistograms() func(int) randomSample {
	next := r.histograms()
	return func(i int) randomSample {
		s := next(i)
		s.histogram.CounterResetHint = histogram.GaugeType
		return s
	}
}

// ownBuckets are histograms with bounds of their own, which change now and then.
func (r random) ownBuckets() func(int) randomSample {
	bounds, counts := []float64{1, 2, 4}, make([]float64, 4)
	return func(int) randomSample {
		if r.seldom(40) {
			bounds = oneOf(r, []float64{1, 2, 4}, []float64{1, 4}, []float64{0.5, 2, 8, 9})
			counts = make([]float64, len(bounds)+1)
		}
		h := &histogram.FloatHistogram{Schema: histogram.CustomBucketsSchema, CustomValues: bounds, PositiveSpans: []histogram.Span{{Length: uint32(len(counts))}}}
		for i := range counts {
			counts[i] += float64(r.IntN(4))
			h.PositiveBuckets = append(h.PositiveBuckets, counts[i])
			h.Count += counts[i]
			h.Sum += counts[i] * float64(i)
		}
		return randomSample{histogram: h}
	}
}

// anything is numbers and histograms in one series.
func (r random) anything() func(int) randomSample {
	all := []func(int) randomSample{r.counters(), r.histograms(), r.ownBuckets()}
	at := 0
	return func(i int) randomSample {
		if r.seldom(15) {
			at = r.IntN(len(all))
		}
		return all[at](i)
	}
}

// question is a random expression whose value is a vector, at most so deep.
func (r random) question(deep int) string {
	if deep == 0 {
		return r.selector() + r.shifted()
	}
	sub := func() string { return r.question(deep - 1) }
	switch r.IntN(8) {
	case 0, 1:
		return r.overTime(deep)
	case 2, 3:
		return r.aggregation(deep)
	case 4:
		return fmt.Sprintf("(%s %s%s %s)", sub(), oneOf(r, "+", "-", "*", "/", "%", "^", "atan2", ">", "<=", "==", "!= bool", "> bool"), r.matching(), sub())
	case 5:
		return fmt.Sprintf("(%s %s%s %s)", sub(), oneOf(r, "and", "or", "unless"), oneOf(r, "", " on(job)", " ignoring(zone)"), sub())
	case 6:
		return fmt.Sprintf("(%s %s %s)", sub(), oneOf(r, "+", "-", "*", "/", ">", "<"), oneOf(r, "0", "-1.5", "Inf", "3", "time()"))
	default:
		return fmt.Sprintf(oneOf(r, "abs(%s)", "-%s", "ceil(%s)", "round(%s, 0.3)", "clamp(%s, -1, 20)", "timestamp(%s)", "sgn(%s)", "ln(%s)", "exp(%s)",
			"absent(%s)", "vector(scalar(%s))", "label_replace(%s, \"zone\", \"$1\", \"job\", \"(.).*\")",
			"histogram_quantile(0.7, %s)", "histogram_count(%s)", "histogram_sum(%s)", "histogram_avg(%s)", "histogram_stddev(%s)", "histogram_stdvar(%s)",
			"histogram_fraction(0.5, 2, %s)"), sub())
	}
}

// aggregation is one whose value depends on the order of series only where the engine knows
// that: over a range it evaluates most else in no order, and then adds up in no order.
func (r random) aggregation(deep int) string {
	by := r.grouping()
	if r.seldom(3) {
		return fmt.Sprintf(oneOf(r, "min%s(%s)", "max%s(%s)", "count%s(%s)", "group%s(%s)", "quantile%s(0.3, %s)", "count_values%s(\"v\", %s)"), by, r.question(deep-1))
	}
	return fmt.Sprintf(oneOf(r, "sum%s(%s)", "sum%s(%s)", "avg%s(%s)", "stddev%s(%s)", "stdvar%s(%s)", "topk%s(2, %s)", "bottomk%s(2, %s)", "limitk%s(2, %s)", "limit_ratio%s(0.5, %s)"), by, r.ordered(deep-1))
}

// ordered is a question whose series come in the order in which they are read.
func (r random) ordered(deep int) string {
	if deep == 0 {
		return r.selector() + r.shifted()
	}
	if r.seldom(3) {
		return fmt.Sprintf("%s%s(%s)", oneOf(r, "sum", "avg", "max"), r.grouping(), r.ordered(deep-1))
	}
	return r.of(r.selector() + "[" + r.length() + "]" + r.shifted())
}

func (r random) overTime(deep int) string {
	if r.seldom(3) {
		return r.of(r.question(deep-1) + "[" + r.length() + ":" + oneOf(r, "", "30s", "17s", "1m") + "]" + r.shifted())
	}
	if r.seldom(9) {
		return fmt.Sprintf("%s(%s[%s] %s)", oneOf(r, "rate", "increase", "delta"), r.selector(), r.length(), oneOf(r, "anchored", "smoothed"))
	}
	return r.of(r.selector() + "[" + r.length() + "]" + r.shifted())
}

// of is a function of a range of values.
func (r random) of(matrix string) string {
	switch r.IntN(12) {
	case 0:
		return fmt.Sprintf("quantile_over_time(0.8, %s)", matrix)
	case 1:
		return fmt.Sprintf("predict_linear(%s, 60)", matrix)
	case 2:
		return fmt.Sprintf("double_exponential_smoothing(%s, 0.5, 0.3)", matrix)
	}
	return fmt.Sprintf("%s(%s)", oneOf(r, "rate", "rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time", "min_over_time", "max_over_time",
		"sum_over_time", "count_over_time", "stddev_over_time", "stdvar_over_time", "last_over_time", "first_over_time", "present_over_time", "mad_over_time",
		"absent_over_time", "ts_of_max_over_time", "ts_of_last_over_time"), matrix)
}

func (r random) length() string { return oneOf(r, "20s", "1m", "2m30s", "5m", "11m", "20m") }

func (r random) selector() string {
	name := oneOf(r, "requests_total", "level", "errors_total", "wait", "size", "mixed", "depth")
	matchers := []string{}
	// One for a label at most: of two, a TSDB changes the order, and what absent() answers.
	for _, some := range [][]string{
		{`job="a"`, `job!="a"`, `job=~"a|b"`, `job!~"[ab]"`},
		{`zone="x"`, `zone!="x"`},
		{`"a.dotted"=""`, `"a.dotted"!=""`, `"a.dotted"=~"1|"`},
		{`none=""`, `none=~"x?"`},
	} {
		if r.seldom(4) {
			matchers = append(matchers, oneOf(r, some...))
		}
	}
	if r.seldom(10) {
		return "{" + strings.Join(append(matchers, `__name__=~".*_total"`), ",") + "}"
	}
	return name + "{" + strings.Join(matchers, ",") + "}"
}

func (r random) shifted() string {
	return oneOf(r, "", "", "", "", " offset 3m", " offset -2m", " @ start()", " @ end() offset 1m")
}

func (r random) grouping() string {
	return oneOf(r, "", " by (job)", " by (zone, job)", " without (job)", " by (__name__)", " without ()", ` by ("a.dotted")`)
}

func (r random) matching() string {
	return oneOf(r, "", "", " on(job)", " ignoring(zone)", " on(job) group_left()", " ignoring(job) group_right(zone)")
}
