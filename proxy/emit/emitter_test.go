package emit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// start runs e inside a bubble; the returned function ends it and waits.
func start(t *testing.T, e *Emitter) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// checkSum fails unless what was emitted is acknowledged, queued or dropped.
func checkSum(t *testing.T, s SignalStats) {
	t.Helper()
	sum := s.Acknowledged + s.Queued
	for _, n := range s.Dropped {
		sum += n
	}
	if sum != s.Emitted {
		t.Errorf("account does not add up: %+v", s)
	}
}

func TestEverythingEmittedArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCollector{}
		e := newTestEmitter(testConfig(), f)
		stop := start(t, e)
		for range 3 {
			for range 100 {
				e.Emit(request())
			}
			time.Sleep(time.Second)
		}
		e.Emit(request()) // sent by the last drain
		stop()
		if got := len(f.spans()); got != 301 {
			t.Errorf("%d spans", got)
		}
		if got := len(f.rows()); got != 301 {
			t.Errorf("%d access-log rows", got)
		}
		var requests uint64
		points, _ := f.points()
		for _, p := range points {
			requests += p.GetCount()
		}
		if requests != 301 {
			t.Errorf("RED rows count %d requests", requests)
		}
		s := e.Stats()
		if s.Spans.Acknowledged != 301 || s.Logs.Acknowledged != 301 || s.Points.Queued != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestWithoutACollectorNothingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCollector{}
		c := testConfig()
		c.Collector = ""
		e := newTestEmitter(c, f)
		stop := start(t, e)
		e.Emit(request())
		time.Sleep(time.Minute)
		stop()
		if s := e.Stats(); len(f.spans()) != 0 || s.Spans.Emitted != 0 || s.RetainedBytes != 0 {
			t.Errorf("%d spans arrived, %+v", len(f.spans()), s)
		}
	})
}

func TestCollectorAwayForAMinuteLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCollector{}
		f.set(0, errors.New("connection refused"))
		e := newTestEmitter(testConfig(), f)
		stop := start(t, e)
		for range 60 {
			for range 300 {
				e.Emit(request())
			}
			time.Sleep(time.Second)
		}
		s := e.Stats()
		if s.Spans.Queued != 60*300 || len(s.Spans.Dropped) != 0 {
			t.Fatalf("while away: %+v", s.Spans)
		}
		t.Logf("18,000 requests retained in %d bytes", s.RetainedBytes)
		f.set(0, nil)
		time.Sleep(2 * maxBackoff)
		s = e.Stats()
		if s.Spans.Acknowledged != 60*300 || s.Logs.Acknowledged != 60*300 || s.RetainedBytes != 0 {
			t.Errorf("afterwards: %+v", s)
		}
		stop()
	})
}

func TestBeyondTheBoundTheOldestGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCollector{}
		f.set(http.StatusServiceUnavailable, nil)
		c := testConfig()
		c.Retain = 5000
		e := newTestEmitter(c, f)
		stop := start(t, e)
		for i := range 60 {
			r := request()
			r.Trace.Span = SpanID{6: 1, 7: byte(i)}
			e.Emit(r)
			time.Sleep(time.Second)
		}
		if got := e.Stats(); got.RetainedBytes > c.Retain || got.Spans.Dropped[DroppedQueueFull] == 0 {
			t.Errorf("stats %+v", got)
		}
		f.set(0, nil)
		stop()
		spans := f.spans()
		if len(spans) == 0 || spans[len(spans)-1].GetSpanId()[7] != 59 {
			t.Errorf("the newest of %d spans is not the last emitted", len(spans))
		}
		s := e.Stats()
		for _, x := range []SignalStats{s.Spans, s.Logs, s.Points} {
			checkSum(t, x)
			if x.Queued != 0 {
				t.Errorf("queued at the end: %+v", x)
			}
		}
	})
}

func TestBufferFullDropsSpansButCountsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCollector{}
		c := testConfig()
		c.Buffer = 5 * chunkBytes
		e := newTestEmitter(c, f)
		for range 5*chunkRows + 15 { // before Run: nothing drains
			e.Emit(request())
		}
		s := e.Stats()
		if s.Spans.Dropped[DroppedBufferFull] != 15 || s.Logs.Dropped[DroppedBufferFull] != 15 {
			t.Errorf("stats %+v", s)
		}
		start(t, e)()
		if points, _ := f.points(); len(points) != 1 || points[0].GetCount() != 5*chunkRows+15 {
			t.Errorf("RED points %v", points)
		}
		e.Emit(request())
		if got := e.Stats().Spans.Dropped[DroppedLate]; got != 1 {
			t.Errorf("%d spans dropped after the end", got)
		}
		if got := e.ring.chunks; got > spareChunks {
			t.Errorf("%d chunks are kept", got)
		}
	})
}

// Full chunks do not wait for the tick, nor do full batches.
func TestFullBatchesAreSentAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCollector{}
		e := newTestEmitter(testConfig(), f)
		stop := start(t, e)
		var emitted int
		for len(f.spans()) == 0 && emitted < 100_000 {
			for range chunkRows {
				r := request()
				r.Trace = NewTrace()
				r.RequestID = r.Trace.ID.String()
				e.Emit(r)
				emitted++
			}
			synctest.Wait() // no time passes
		}
		if got := e.ring.chunks; got > 2 {
			t.Errorf("%d chunks wait", got)
		}
		if got := len(f.spans()); got < 100 || got >= emitted {
			t.Errorf("of %d spans %d are sent", emitted, got)
		}
		stop()
		if got := len(f.spans()); got != emitted {
			t.Errorf("%d spans of %d", got, emitted)
		}
	})
}

// Records of the largest kind fit, whatever they make of a chunk.
func TestLargestRecords(t *testing.T) {
	long := strings.Repeat("\xff", 2*maxPath) // three bytes of replacement for each
	r := request()
	r.Protocol, r.Method, r.Authority, r.Route, r.Path, r.RequestID, r.UserAgent = long, long, long, long, long, long, long
	r.Peer = Peer{long, long, long, long}
	r.Flags, r.Reason, r.GeneratedBy, r.Choice, r.PassedOver, r.ClosedBy = long, long, long, long, long, long
	for range 2 * maxTries {
		r.Tries = append(r.Tries, Try{Instance: long, Reason: long})
	}
	var records []*Record
	for range 2 * chunkRows {
		records = append(records, r)
	}
	f := sent(t, testConfig(), records...)
	if got, want := len(f.spans()), len(records)*(1+maxTries); got != want {
		t.Errorf("%d spans, want %d", got, want)
	}
	if got := len(f.rows()); got != len(records) {
		t.Errorf("%d rows", got)
	}
}

func TestAnswers(t *testing.T) {
	partial, err := proto.Marshal(&coltrace.ExportTraceServiceResponse{
		PartialSuccess: &coltrace.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "too old"},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		status       int
		answer       []byte
		acknowledged uint64
		dropped      map[string]uint64
	}{
		"taken":            {acknowledged: 2},
		"partly rejected":  {answer: partial, acknowledged: 1, dropped: map[string]uint64{DroppedRejected: 1}},
		"answer is noise":  {answer: []byte{0xff, 0xff}, acknowledged: 2},
		"refused":          {status: 400, dropped: map[string]uint64{DroppedRefused: 2}},
		"redirected":       {status: 302, dropped: map[string]uint64{DroppedRefused: 2}},
		"never takes them": {status: 503, dropped: map[string]uint64{DroppedShutdown: 2}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeCollector{status: tt.status, answer: tt.answer}
				e := newTestEmitter(testConfig(), f)
				stop := start(t, e)
				e.Emit(request())
				e.Emit(request())
				begun := time.Now()
				stop()
				if took := time.Since(begun); took > e.config.Grace {
					t.Errorf("ending took %v", took)
				}
				got := e.Stats().Spans
				want := SignalStats{Emitted: 2, Acknowledged: tt.acknowledged, Dropped: tt.dropped}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// Neither does a record allocate where it is left, nor where it is encoded and compressed.
func TestRecordsDoNotAllocate(t *testing.T) {
	e := New(testConfig(), Deps{})
	r := request()
	r.Tries = []Try{{Instance: "reviews-v2-1", Took: time.Millisecond, Status: 200}}
	once := func() {
		for range chunkRows {
			e.Emit(r)
		}
		e.drain()
		for kind := range e.batches {
			e.batches[kind].items = 0 // sent
		}
	}
	for range 10 {
		once()
	}
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations for %d records", n, chunkRows)
	}
}

func TestValidateNamesEveryField(t *testing.T) {
	if err := testConfig().Validate(); err != nil {
		t.Errorf("valid configuration: %v", err)
	}
	err := Config{Collector: "127.0.0.1:4318", Buffer: -1, Grace: -1}.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	t.Log(err)
}

func FuzzRejectedOf(f *testing.F) {
	f.Add([]byte{0x0a, 0x02, 0x08, 0x05})
	f.Fuzz(func(t *testing.T, answer []byte) {
		if n := rejectedOf(answer); n < 0 {
			t.Errorf("rejected %d", n)
		}
	})
}

// The collector has taken the batch, but its answer comes only after Run was told to
// end: the batch must not be sent again.
func TestEndingDoesNotSendTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeCollector{}
		e := newTestEmitter(testConfig(), f)
		e.sender.client.Transport = slow{f, 300 * time.Millisecond}
		stop := start(t, e)
		e.Emit(request())
		time.Sleep(time.Second + time.Millisecond) // the batch is under way
		stop()
		if got := len(f.spans()); got != 1 {
			t.Errorf("%d spans arrived", got)
		}
		if got := e.Stats().Spans.Acknowledged; got != 1 {
			t.Errorf("%d acknowledged", got)
		}
	})
}

// Blocks go round: what a full batch lay in is used for a later one, but not while the
// client may still read it.
func TestBlocksGoRound(t *testing.T) {
	for name, tt := range map[string]struct{ keepOpen, spare bool }{"read": {false, true}, "still being read": {true, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeCollector{}
				e := newTestEmitter(testConfig(), f)
				e.sender.client.Transport = reluctant{f, tt.keepOpen}
				stop := start(t, e)
				for range 5 {
					for range 1000 {
						r := request()
						r.Trace, r.ParentID = NewTrace(), NewSpanID()
						r.RequestID = r.Trace.ID.String()
						e.Emit(r)
					}
					time.Sleep(time.Second)
				}
				e.queue.mu.Lock()
				got := len(e.queue.spare)
				e.queue.mu.Unlock()
				if got > spareBlocks || (got > 0) != tt.spare {
					t.Errorf("%d blocks are spare", got)
				}
				stop()
				seen := map[string]bool{}
				for _, s := range f.spans() {
					seen[string(s.GetTraceId())] = true
				}
				if len(seen) != 5000 || len(f.rows()) != 5000 {
					t.Errorf("%d different spans, %d rows", len(seen), len(f.rows()))
				}
			})
		})
	}
}

// reluctant does not say that it has read a body.
type reluctant struct {
	next     http.RoundTripper
	keepOpen bool
}

func (c reluctant) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.keepOpen {
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(r.Body)
	}
	return c.next.RoundTrip(r)
}

// slow answers late, unless the client does not wait.
type slow struct {
	http.RoundTripper
	by time.Duration
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(r)
	select {
	case <-time.After(s.by):
		return resp, err
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}
