package exporter

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Streams that have opened are stored in both tables, and are no requests yet: nothing
// that shows those sees them.
func TestOpenedStreamsAreStored(t *testing.T) {
	p, s, acc := startOn(t)
	at := recently()
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	workload(rm.Resource(), "web", "web-v1-1")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(signal.ScopeRED)
	m := sm.Metrics().AppendEmpty()
	m.SetName(signal.StreamsOpened)
	sum := m.SetEmptySum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	dp := sum.DataPoints().AppendEmpty()
	redPoint{reporter: signal.Source, service: "web", peer: "db"}.labels(dp.Attributes())
	dp.Attributes().PutStr(signal.KeyProtocol, signal.TCP)
	dp.SetTimestamp(stamp(at.Add(time.Second)))
	dp.SetIntValue(3)
	if err := p.ConsumeMetrics(t.Context(), md); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]uint64{
		"SELECT toUInt64(sum(opened)) FROM red WHERE source = 'web' AND destination = 'db' AND protocol = 'tcp'": 3,
		"SELECT toUInt64(sum(opened)) FROM red_1m WHERE destination = 'db'":                                      3,
		"SELECT toUInt64(sum(requests)) FROM red":                                                                0,
	} {
		if got := count(t, s, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	for e, err := range s.Edges(t.Context(), signal.Window{Start: at.Add(-time.Hour), End: at.Add(time.Hour)}) {
		t.Errorf("edge %+v, %v", e, err)
	}
	points, err := s.Series(t.Context(), "db", signal.Window{Start: at, End: at.Add(10 * time.Second)}, 10*time.Second)
	if err != nil || len(points) != 1 || points[0].Requests != 0 {
		t.Errorf("series %+v, %v", points, err)
	}
	if stored, dropped := acc.count(); stored["metrics"] != 1 || len(dropped) != 0 {
		t.Errorf("books: stored %v, dropped %v; want 1 stored", stored, dropped)
	}
}
