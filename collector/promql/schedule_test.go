package promql

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestPlanHasBothEndsOfEachWindow(t *testing.T) {
	const lookback = 5 * time.Minute
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	now := time.UnixMilli(base)
	for _, step := range []int64{1, 400, 1000, 7_000, 15_000, 60_000, 900_000} {
		for _, window := range []int64{0, 10_000, 61_000, 300_000, 3_600_000} {
			for _, span := range []int64{0, 1, 60_000, 1_234_567} {
				if span/step > 20_000 {
					continue
				}
				first, last := base+123, base+123+span
				h := &storage.SelectHints{Start: first - or(window, lookback.Milliseconds()) + 1, End: last, Step: step, Range: window}
				inSteps := span%2 == 0
				p := plan(h, notes{inSteps: inSteps}, lookback, now)
				if !slices.IsSorted(p.times) || len(slices.Compact(slices.Clone(p.times))) != len(p.times) {
					t.Fatalf("%+v: times are not ascending", h)
				}
				for at := first; at <= last; at += step {
					_, end := slices.BinarySearch(p.times, at)
					_, begin := slices.BinarySearch(p.times, at-window+1)
					if !end || window > 0 && !begin {
						t.Fatalf("%+v: no point at an end of the window at %d", h, at)
					}
				}
				for at := floorDiv(first+step-1, step) * step; at <= last && !inSteps; at += step {
					if _, ok := slices.BinarySearch(p.times, at); !ok {
						t.Fatalf("%+v: no point at %d, where a subquery looks", h, at)
					}
				}
				if p.grain < time.Second || p.grain%time.Second != 0 {
					t.Fatalf("%+v: slots of %v", h, p.grain)
				}
			}
		}
	}
}

func or(a, b int64) int64 {
	if a != 0 {
		return a
	}
	return b
}

func TestPlanChoosesTheRollup(t *testing.T) {
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	f := func(want bool, end time.Time, window time.Duration) {
		t.Helper()
		h := &storage.SelectHints{Start: end.Add(-window).UnixMilli() + 1, End: end.UnixMilli(), Range: window.Milliseconds(), Func: "rate"}
		p := plan(h, notes{inSteps: true}, time.Minute, now)
		if p.rollup != want || want && (p.start%60 != 0 || p.grain%time.Minute != 0) {
			t.Errorf("%v until %v: got %+v", window, end, p)
		}
	}
	f(true, now, 5*time.Minute)
	f(false, now, 90*time.Second)
	f(false, now.Add(17*time.Second), 5*time.Minute)
	f(false, now.Add(17*time.Second), 59*time.Minute)
	f(true, now, time.Hour)
	f(true, now.Add(17*time.Second), 30*24*time.Hour)
	f(true, now.Add(-10*24*time.Hour), 5*time.Minute)
}

func TestCounterReadsAsAFunctionOfTime(t *testing.T) {
	p := &schedule{times: []int64{10_000, 11_000, 11_500, 12_001, 20_000}, start: 10, grain: time.Second}
	c := &counter{labels: labels.EmptyLabels(), schedule: p}
	c.add(0, 3)
	c.add(0, 1)
	c.add(1, 1)
	c.add(5, 2)
	var got []float64
	it := c.Iterator(nil)
	for it.Next() == chunkenc.ValFloat {
		_, v := it.At()
		got = append(got, v)
	}
	if diff := cmp.Diff([]float64{0, 4, 4, 5, 7}, got); diff != "" {
		t.Error(diff)
	}
	it = c.Iterator(nil)
	if it.Seek(11_400) != chunkenc.ValFloat || it.AtT() != 11_500 {
		t.Errorf("sought 11400, got %d", it.AtT())
	}
	if it.Seek(30_000) != chunkenc.ValNone {
		t.Error("found a value after the end")
	}
}

func TestSpreadAgreesWithTheValues(t *testing.T) {
	h := signal.Histogram{}
	for i := range 1000 {
		h.Observe(float64(i) + 0.5)
	}
	all := (&metric{bounds: bounds(), unit: 1}).buckets(func(string) bool { return true })
	counts, got := make([]float64, len(all)), 0.
	spread(h.Buckets, all, counts)
	for i, b := range all {
		got += counts[i]
		if want := min(b.upTo, 1000); math.Abs(got-want) > 0.09*want/2+1 {
			t.Errorf("at most %v ms: got %v, want %v", b.upTo, got, want)
		}
	}
}

func TestLabels(t *testing.T) {
	f := func(m string, k key, want string) {
		t.Helper()
		all := metrics()
		i := slices.IndexFunc(all, func(x metric) bool { return x.name == m })
		b := labels.NewScratchBuilder(16)
		for _, l := range all[i].labels {
			if v := l.value(&k); v != "" {
				b.Add(l.name, v)
			}
		}
		b.Sort()
		if got := b.Labels().String(); got != want {
			t.Errorf("%s:\n got %s\nwant %s", m, got, want)
		}
	}
	f("istio_requests_total", key{reporter: "source", destination: "orders.prod", destinationVersion: "v1", status: 0, grpcStatus: -1, flags: "UF,URX", protocol: "h2"},
		`{connection_security_policy="none", destination_app="orders", destination_canonical_revision="v1", destination_canonical_service="orders", destination_service="orders.prod.svc.cluster.local", destination_service_name="orders", destination_service_namespace="prod", destination_version="v1", destination_workload="orders-v1", destination_workload_namespace="prod", reporter="source", request_protocol="http", response_code="0", response_flags="UF,URX", source_canonical_service="unknown", source_workload="unknown"}`)
	f("traces_spanmetrics_calls_total", key{reporter: "source", source: "a", destination: "b.shop", method: "GET", status: 503, grpcStatus: -1, protocol: "http/1.1"},
		`{service="a", span_kind="SPAN_KIND_CLIENT", span_name="GET b.shop", status_code="STATUS_CODE_ERROR"}`)
	f("traces_service_graph_request_total", key{destination: "a"}, `{client="user", connection_type="virtual_node", server="a"}`)
}

// TestEverythingFits asks for names since ever and for ever, as clients do that do not say.
func TestEverythingFits(t *testing.T) {
	for _, h := range []storage.SelectHints{
		{Start: -farthest * second, End: farthest * second},
		{Start: math.MinInt64, End: math.MaxInt64},
		{Start: 1_700_000_000_000, End: math.MaxInt64},
		{Start: math.MinInt64, End: 0},
	} {
		p := everything(&h)
		if p.start < 0 || p.end <= p.start || p.grain < time.Duration(p.end-p.start)*time.Second {
			t.Errorf("%+v: from %d to %d in a slot of %v", h, p.start, p.end, p.grain)
		}
	}
}
