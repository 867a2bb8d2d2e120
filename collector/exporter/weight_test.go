package exporter

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/sampling"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// An SDK keeps one trace in four and says so: spans and edges are counted as if it had kept
// all. A threshold that the trace does not reach says nothing.
func TestHeadSampledSpansCountForThoseLeftOut(t *testing.T) {
	p, s, _ := startOn(t)
	at := recently()
	td := fiveSpans(1, at, 200)
	for i, state := range []string{0: "", 1: "congo=t61rcWkgMzE", 2: "ot=th:c", 3: "ot=th:zz", 4: "congo=t61rcWkgMzE,ot=th:c"} {
		span := td.ResourceSpans().At(i).ScopeSpans().At(0).Spans().At(0)
		span.SetTraceID(pcommon.TraceID{15: byte(i + 1)}) // of no randomness
		if i != 2 {
			span.SetTraceID(pcommon.TraceID{9: 0xff, 15: byte(i + 1)})
		}
		span.TraceState().FromRaw(state)
	}
	if err := p.ConsumeTraces(t.Context(), td); err != nil {
		t.Fatal(err)
	}
	search := signal.TraceQuery{Start: at.Add(-time.Minute), End: at.Add(time.Minute)}
	for filter, want := range map[string]uint64{"": 8, `name = "SELECT items"`: 4} {
		search.Filter = filter
		if h, err := s.Heatmap(t.Context(), signal.SpanQuery{Search: search}, 1); err != nil || h.Spans != want {
			t.Errorf("%q: %d spans, %v; want %d", filter, h.Spans, err, want)
		}
	}
	for e, err := range s.Edges(t.Context(), signal.Window{Start: at, End: at.Add(time.Second)}) {
		if err != nil || e.Requests != 4 || e.Durations.Count != 4 || math.Abs(e.Durations.Sum-16) > 1e-9 {
			t.Errorf("%+v, %v; want 4 requests", e, err)
		}
	}
}

func TestRequestsAddUpToWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	weight := sampling.Of(0.37).Weight()
	const n = 10_000
	sum := uint64(0)
	for range n {
		row := clickhouse.SpanRow{Weight: float32(weight)}
		binary.BigEndian.PutUint64(row.SpanID[:], r.Uint64())
		got := requests(&row)
		if float64(got) < weight-1 || float64(got) > weight+1 || got != requests(&row) {
			t.Fatalf("%d requests for %v", got, weight)
		}
		sum += got
	}
	if off := math.Abs(float64(sum)/n - weight); off > 0.02 {
		t.Errorf("%v requests a span, want %v", float64(sum)/n, weight)
	}
	if got := requests(&clickhouse.SpanRow{}); got != 1 {
		t.Errorf("%d requests of one span", got)
	}
}
