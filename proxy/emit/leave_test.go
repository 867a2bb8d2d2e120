package emit

import (
	"testing"
	"testing/synctest"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestLabelsAndSizesThatAreLeftOut(t *testing.T) {
	rule := func(r mesh.MetricRule) MetricRule {
		out, err := CompileMetrics(&r)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	w := newRedWindow(10)
	tell := func(change func(*Record)) {
		r := request()
		change(r)
		w.countRecord(r)
	}
	tell(func(*Record) {})
	tell(func(r *Record) { r.Method = "PUT" })
	if sets, _ := w.size(); sets != 2 {
		t.Fatalf("%d label sets, want one for each method", sets)
	}
	before := w.generation
	w.leave([2]MetricRule{
		Outbound: rule(mesh.MetricRule{Remove: []mesh.MetricLabel{mesh.LabelMethod, mesh.LabelRoute}, Off: []mesh.Metric{mesh.RequestSize}}),
		Inbound:  rule(mesh.MetricRule{Remove: []mesh.MetricLabel{mesh.LabelPeerVersion}, Off: []mesh.Metric{mesh.SentBytes}}),
	})
	if w.generation == before {
		t.Error("rows that are remembered go on as they were")
	}
	for _, method := range []string{"GET", "PUT", "POST"} {
		tell(func(r *Record) { r.Method, r.Route = method, method })
	}
	for _, version := range []string{"v1", "v2"} {
		tell(func(r *Record) { r.Direction, r.Peer.Version = Inbound, version })
	}
	tell(func(r *Record) { r.Direction, r.Protocol, r.Method = Inbound, signal.TCP, "" })
	if sets, _ := w.size(); sets != 5 {
		t.Errorf("%d label sets, want the two of before, one outbound, one of callers and one of streams", sets)
	}
	out, in, stream := w.rows[2], w.rows[3], w.rows[4]
	if out.count != 3 || out.bytesIn != 0 || out.bytesOut != 600 || out.labels.method != "" || out.labels.peerVersion != "v2" {
		t.Errorf("outbound: %+v", out.labels)
	}
	if in.count != 2 || in.bytesIn != 20 || in.bytesOut != 400 || in.labels.peerVersion != "" || in.labels.method != "GET" {
		t.Errorf("inbound: %+v", in.labels)
	}
	if stream.bytesIn != 10 || stream.bytesOut != 0 {
		t.Errorf("a stream: %d and %d bytes, want 10 and none", stream.bytesIn, stream.bytesOut)
	}
	for _, bad := range []mesh.MetricRule{{Remove: []mesh.MetricLabel{"status"}}, {Off: []mesh.Metric{"REQUEST_COUNT"}}} {
		if _, err := CompileMetrics(&bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestShapesForgetTheirRows: requests that look alike count in another row once labels are
// left out.
func TestShapesForgetTheirRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newTestEmitter(testConfig(), &fakeCollector{})
		e.Emit(request())
		e.flush()
		e.Leave([2]MetricRule{Outbound: {method: true}})
		e.Emit(request())
		e.flush()
		if sets, _ := e.red.size(); sets != 2 || e.red.rows[1].labels.method != "" {
			t.Errorf("%d label sets, want one with a method and one without", sets)
		}
	})
}
