package emit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Each request says what became of all that came before it, over times when the collector
// was away and the oldest went; a process that starts anew has another name.
func TestEachRequestSaysWhatBecameOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCollector{}
		c := testConfig()
		c.Retain = 2 << 10
		e := newTestEmitter(c, f)
		stop := start(t, e)
		round := func() {
			for range 50 {
				e.Emit(request())
			}
			time.Sleep(time.Second)
		}
		round()
		f.set(503, nil)
		for range 20 {
			round()
		}
		f.set(0, nil)
		round()
		time.Sleep(time.Minute)
		stop()
		last, s := f.said[len(f.said)-1], e.Stats()
		if last.Instance != "gateway-1" || s.Spans.Dropped[DroppedQueueFull] == 0 {
			t.Errorf("%+v of %+v", last, s)
		}
		for name, of := range map[string]SignalStats{"traces": s.Spans, "logs": s.Logs, "metrics": s.Points} {
			told := last.Signals[name]
			if diff := cmp.Diff(of.Dropped, told.Dropped); told.Made != of.Emitted || diff != "" {
				t.Errorf("%s: %+v of %+v", name, told, of)
			}
			if late := of.Acknowledged - told.Acknowledged; late > 50 || name == "traces" && told.Acknowledged != uint64(len(f.spans())) {
				t.Errorf("%s: %+v of %+v", name, told, of)
			}
		}
		acknowledged := func(s signal.Statement) uint64 { return s.Signals["traces"].Acknowledged }
		for i, said := range f.said {
			if said.Process != last.Process || i > 0 && acknowledged(said) < acknowledged(f.said[i-1]) {
				t.Errorf("%+v after %+v", said, f.said[i-1])
			}
		}
		if newTestEmitter(c, f).sender.process == last.Process {
			t.Error("another process has the same name")
		}
	})
}
