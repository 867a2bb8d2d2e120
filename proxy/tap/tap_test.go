package tap

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/redact"
)

// control is a control plane that keeps what it is told.
type control struct {
	mu   sync.Mutex
	got  mesh.TapBatch
	hold chan struct{} // Send waits for it to be closed, if set
	err  error
}

func (c *control) send(ctx context.Context, b mesh.TapBatch) error {
	if c.hold != nil {
		select {
		case <-c.hold:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.got.Requests = append(c.got.Requests, b.Requests...)
	c.got.Dropped += b.Dropped
	for id, n := range b.Limited {
		if c.got.Limited == nil {
			c.got.Limited = map[string]uint64{}
		}
		c.got.Limited[id] += n
	}
	return nil
}

func (c *control) told() mesh.TapBatch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got
}

// run runs a Tap in the bubble of the test, until the test is over.
func run(t *testing.T, c *control, asked ...mesh.Tap) *Tap {
	t.Helper()
	tap := New(nil)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := tap.Run(ctx, c.send); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	tap.Ask(asked)
	return tap
}

func record(change ...func(*emit.Record)) *emit.Record {
	r := &emit.Record{
		Direction: emit.Outbound, Start: time.Unix(1e9, 0), Took: 5 * time.Millisecond, FirstByte: 3 * time.Millisecond,
		Method: "GET", Path: "/ratings/7", Authority: "ratings", Protocol: "http/1.1", Status: 200, GRPCStatus: -1,
		Peer: emit.Peer{Service: "ratings", Version: "v1", Instance: "ratings-v1-1"}, MTLS: true, Tries: make([]emit.Try, 1),
	}
	for _, f := range change {
		f(r)
	}
	return r
}

func TestFilter(t *testing.T) {
	for name, c := range map[string]struct {
		tap  mesh.Tap
		want bool
	}{
		"anything":             {mesh.Tap{}, true},
		"direction":            {mesh.Tap{Direction: "outbound"}, true},
		"the other direction":  {mesh.Tap{Direction: "inbound"}, false},
		"peer":                 {mesh.Tap{Peer: "ratings", PeerVersion: "v1"}, true},
		"another peer":         {mesh.Tap{Peer: "details"}, false},
		"another version":      {mesh.Tap{Peer: "ratings", PeerVersion: "v2"}, false},
		"method":               {mesh.Tap{Method: "GET"}, true},
		"another method":       {mesh.Tap{Method: "POST"}, false},
		"beginning of path":    {mesh.Tap{Path: "/ratings/"}, true},
		"longer than the path": {mesh.Tap{Path: "/ratings/77"}, false},
		"authority":            {mesh.Tap{Authority: "ratings"}, true},
		"another authority":    {mesh.Tap{Authority: "rating"}, false},
		"status":               {mesh.Tap{Status: "200"}, true},
		"class":                {mesh.Tap{Status: "2xx"}, true},
		"another class":        {mesh.Tap{Status: "5xx"}, false},
		"all at once": {mesh.Tap{
			Direction: "outbound", Peer: "ratings", Method: "GET", Path: "/", Authority: "ratings", Status: "200",
		}, true},
	} {
		if got := (&order{Tap: c.tap}).wants(record()); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if (&order{Tap: mesh.Tap{Status: "0xx"}}).wants(record(func(r *emit.Record) { r.Status = 0 })) != true {
		t.Error("0xx is a request without an answer")
	}
}

func TestWhatIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &control{}
		tap := run(t, c, mesh.Tap{ID: "1", Headers: true})
		tap.secret = redact.New([]string{"my"})
		request := func(yield func(name, value string) bool) {
			for _, f := range [][2]string{
				{"Accept", "text/html"}, {"Authorization", "Bearer abc"}, {"X-API-Key", "abc"}, {"Cookie", "s=abc"}, {"X-Goog-Iap-Jwt-Assertion", "abc"},
			} {
				if !yield(f[0], f[1]) {
					return
				}
			}
		}
		answer := tap.Keep(func(yield func(name, value string) bool) {
			_ = yield("content-type", "text/html") && yield("set-cookie", "s=abc")
		})
		tap.See(record(func(r *emit.Record) {
			r.Path = "/login?user=ada&access_token=abc&code=abc&my=abc&n=1"
			r.Trace = emit.Trace{ID: emit.TraceID{15: 1}, Span: emit.SpanID{1}}
		}), request, answer)
		time.Sleep(2 * every)
		synctest.Wait()
		want := []mesh.Tapped{{
			Taps: []string{"1"}, Time: time.Unix(1e9, 0), Direction: "outbound", Took: 5 * time.Millisecond, FirstByte: 3 * time.Millisecond,
			Method: "GET", Path: "/login?user=ada&access_token=REDACTED&code=REDACTED&my=REDACTED&n=1", Authority: "ratings", Protocol: "http/1.1",
			Status: 200, GRPCStatus: -1, Peer: "ratings", PeerVersion: "v1", PeerInstance: "ratings-v1-1", MTLS: true, Tries: 1,
			TraceID: "00000000000000000000000000000001",
			Request: []mesh.Header{
				{Name: "accept", Value: "text/html"},
				{Name: "authorization", Value: "REDACTED"},
				{Name: "x-api-key", Value: "REDACTED"},
				{Name: "cookie", Value: "REDACTED"},
				{Name: "x-goog-iap-jwt-assertion", Value: "REDACTED"},
			},
			Response: []mesh.Header{{Name: "content-type", Value: "text/html"}, {Name: "set-cookie", Value: "REDACTED"}},
		}}
		if diff := cmp.Diff(want, c.told().Requests); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSecretsOfFieldsAreNotTold(t *testing.T) {
	tap := New([]string{"ticket"})
	for _, c := range []struct{ name, value, want string }{
		{"Referer", "https://shop/cb?access_token=abc&page=2", "https://shop/cb?access_token=REDACTED&page=2"},
		{"Referer", "https://shop/cb?ticket=abc", "https://shop/cb?ticket=REDACTED"},
		{"Location", "/cb#access_token=abc&state=1", "/cb#access_token=REDACTED&state=1"},
		{"Location", "/cb?n=1#id_token=abc", "/cb?n=1#id_token=REDACTED"},
		{"Content-Location", "/a?x=1;password=abc;y=2", "/a?x=1;password=REDACTED;y=2"},
		{"X-Original-URL", "/a?next=/b?code=abc", "/a?next=/b?code=REDACTED"},
		{"X-Forwarded-Uri", "/a?subscription-key=abc&map_key=abc&keys=1", "/a?subscription-key=REDACTED&map_key=REDACTED&keys=1"},
		{"X-Forwarded-Uri", "/a?token=abc;def?ghi#jkl&n=1", "/a?token=REDACTED;?#&n=1"},
		{"X-Forwarded-Uri", "/a?acc%65ss%2Dkey=abc", "/a?acc%65ss%2Dkey=REDACTED"},
		{"Link", "</a?token=abc>; rel=next", "</a?token=REDACTED; rel=next"},
		{"Accept", "text/html;level=1", "text/html;level=1"},
		{"Location", "/a?#", "/a?#"},
		{"Ocp-Apim-Subscription-Key", "abc", "REDACTED"},
		{"X-Functions-Key", "abc", "REDACTED"},
		{"Account_Key", "abc", "REDACTED"},
		{"DPoP", "abc", "REDACTED"},
		{"X-Keys", "abc", "abc"},
	} {
		got := tap.Keep(func(yield func(name, value string) bool) { _ = yield(c.name, c.value) })
		if want := []mesh.Header{{Name: strings.ToLower(c.name), Value: c.want}}; !cmp.Equal(got, want) {
			t.Errorf("%s: %s is told as %v, want %v", c.name, c.value, got, want)
		}
	}
}

func TestRateIsBoundedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &control{}
		tap := run(t, c, mesh.Tap{ID: "1", PerSecond: 10}, mesh.Tap{ID: "2", PerSecond: 1000, Status: "5xx"})
		for range 25 { // 2.5 s
			for range 4 {
				tap.See(record(), nil, nil)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * every)
		got := c.told()
		if n := len(got.Requests); n < 33 || n > 36 || got.Limited["1"]+uint64(n) != 100 || got.Limited["2"] != 0 || got.Dropped != 0 {
			t.Errorf("%d told, %v limited, %d dropped; want 10 at once and 10 per second of 100", n, got.Limited, got.Dropped)
		}
	})
}

func TestWhatFindsNoRoomIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &control{hold: make(chan struct{})}
		tap := run(t, c, mesh.Tap{ID: "1", PerSecond: 1 << 20})
		const n = 5000
		for i := range n {
			tap.See(record(), nil, nil)
			if i == 10 {
				time.Sleep(2 * every) // the first batch is under way, and stays there
				synctest.Wait()
			}
		}
		close(c.hold)
		time.Sleep(3 * every)
		got := c.told()
		if told := len(got.Requests); told != 11+maxRows || uint64(told)+got.Dropped != n {
			t.Errorf("%d told, %d dropped of %d", told, got.Dropped, n)
		}
	})
}

func TestBatchThatIsNotTakenIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &control{err: errors.New("away")}
		tap := run(t, c, mesh.Tap{ID: "1", PerSecond: 1})
		for range 3 {
			tap.See(record(), nil, nil)
		}
		time.Sleep(every + every/2)
		synctest.Wait()
		c.mu.Lock()
		c.err = nil
		c.mu.Unlock()
		time.Sleep(2 * every)
		if got := c.told(); got.Dropped != 1 || len(got.Requests) != 0 || got.Limited["1"] != 2 {
			t.Errorf("got %+v, want one dropped and two limited", got)
		}
		if told, dropped := tap.Counts(); told != 0 || dropped != 1 {
			t.Errorf("%d are counted as told, %d as dropped; want 0 and 1", told, dropped)
		}
		time.Sleep(time.Second)
		tap.See(record(), nil, nil)
		time.Sleep(2 * every)
		synctest.Wait()
		if told, dropped := tap.Counts(); told != 1 || dropped != 1 {
			t.Errorf("%d are counted as told, %d as dropped; want 1 of each", told, dropped)
		}
	})
}

func TestNobodyAsks(t *testing.T) {
	tap, r := New(nil), record()
	asked := 0
	if n := testing.AllocsPerRun(100, func() {
		if tap.Active() {
			asked++
		}
		tap.See(r, nil, nil)
	}); n != 0 || asked != 0 {
		t.Errorf("%v allocations, asked %d times", n, asked)
	}
	tap.Ask([]mesh.Tap{{ID: "1"}})
	tap.See(r, nil, nil)
	tap.Ask(nil)
	if tap.Active() || len(tap.take().Requests) != 0 {
		t.Error("the end of the last tap leaves something behind")
	}
}

func TestAskingAgainKeepsTheAllowance(t *testing.T) {
	tap := New(nil)
	one := mesh.Tap{ID: "1", PerSecond: 1}
	tap.Ask([]mesh.Tap{one})
	tap.See(record(), nil, nil)
	tap.Ask([]mesh.Tap{one, {ID: "2", Status: "5xx"}})
	tap.See(record(), nil, nil)
	if b := tap.take(); len(b.Requests) != 1 || b.Limited["1"] != 1 {
		t.Errorf("got %+v, want one request and one limited", b)
	}
}
