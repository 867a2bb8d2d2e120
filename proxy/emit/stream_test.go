package emit

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// A stream has no status: what counts is whether its server's side failed it.
func TestStreamsAreJudgedByTheirFlags(t *testing.T) {
	for flags, want := range map[string]bool{"": false, "DC": false, "SI": false, "LR": false, "UF": true, "UC": true, "UF,URX": true, "NR": true} {
		r := &Record{Protocol: signal.TCP, Flags: flags, GRPCStatus: -1, ClosedBy: "server"}
		c := new(chunk)
		c.add(r)
		if got := c.rows[0].bad; got != want {
			t.Errorf("flags %q: failed %v", flags, got)
		}
		l := labelsOf(r)
		if l.method != "" {
			t.Errorf("method %q of a stream", l.method)
		}
		over := l.overflow()
		if got := signal.FailedHop(over.protocol, int(over.status), int(over.grpc), over.flags); got != want {
			t.Errorf("flags %q: the overflow row of status %d counts as failed: %v", flags, over.status, got)
		}
		row := newEncoder(Config{Service: "web"}).chunk(encoded{}, c, newRedWindow(10)).logs
		if !bytes.Contains(row, []byte(signal.KeyClosedBy)) {
			t.Error("the row does not say who closed")
		}
	}
}

// opened adds up the streams that f was told have opened.
func (f *fakeCollector) opened() (n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, req := range f.metrics {
		for _, m := range req.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics() {
			if m.GetName() != signal.StreamsOpened {
				continue
			}
			for _, p := range m.GetSum().GetDataPoints() {
				n += p.GetAsInt()
			}
		}
	}
	return n
}

// A stream counts as opened in the second when it opens, and as a request in that when
// it ends, hours later and when its label set was forgotten meanwhile.
func TestStreamsCountWhenTheyOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCollector{}
		e := newTestEmitter(testConfig(), f)
		stop := start(t, e)
		r := &Record{Start: time.Now(), Protocol: signal.TCP, GRPCStatus: -1, Peer: Peer{Service: "db"}}
		e.Open(r)
		e.Open(r)
		time.Sleep(1100 * time.Millisecond)
		points, sums := f.points()
		if f.opened() != 2 || len(points) != 0 || sums != 1 || len(f.rows()) != 0 {
			t.Errorf("%d streams have opened, %d points and %d sums; want 2, none and 1", f.opened(), len(points), sums)
		}
		if s := e.Stats().Points; s.Emitted != 1 || s.Acknowledged != 1 {
			t.Errorf("account %+v", s)
		}
		time.Sleep(time.Hour)
		if n := e.Stats().LabelSets; n != 0 {
			t.Errorf("%d label sets after an hour", n)
		}
		r.Took = time.Since(r.Start)
		e.Emit(r)
		stop()
		if points, _ = f.points(); f.opened() != 2 || len(points) != 1 || points[0].GetCount() != 1 {
			t.Errorf("%d streams have opened, points %v; want 2 and one of one", f.opened(), points)
		}
	})
}

func TestWithoutACollectorOpenStreamsAreNotKept(t *testing.T) {
	e := New(Config{Service: "web"}, Deps{})
	e.Open(&Record{Protocol: signal.TCP})
	if n := e.Stats().LabelSets; n != 0 {
		t.Errorf("%d label sets", n)
	}
}
