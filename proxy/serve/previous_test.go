package serve

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/ratelimit"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// TestRetryIgnoresPreviousInstances: a retry goes to another instance, as
// retryIgnorePreviousHosts has it by default; where that is off, chance decides.
func TestRetryIgnoresPreviousInstances(t *testing.T) {
	for _, same := range []bool{false, true} {
		var n atomic.Int32
		m := newMesh(t, meshConfig{
			routes: everywhere(0, &mesh.Retry{Attempts: 1, On: []string{"503"}, SameInstance: same, Backoff: time.Microsecond}),
			policy: mesh.Policy{LoadBalancer: mesh.Random, Outlier: &mesh.Outlier{}}, // which never trips
		}, failing(http.StatusServiceUnavailable, &n), failing(http.StatusServiceUnavailable, &n))
		c := m.client(t)
		const requests = 60
		again := 0
		for i := range requests {
			do(t, c, request(t, "GET", "/", nil))
			tries := m.records.await(t, i).Tries
			if len(tries) != 2 {
				t.Fatalf("%d tries, want 2", len(tries))
			}
			if tries[0].Instance == tries[1].Instance {
				again++
			}
		}
		if (again > 0) != same || again == requests {
			t.Errorf("previous instances allowed: %v; %d of %d retries went to the same", same, again, requests)
		}
	}
}

// TestRetryOfWhatALimitRefused: envoy-ratelimited is about answers that a sidecar made, not
// about an app's own 429.
func TestRetryOfWhatALimitRefused(t *testing.T) {
	var n atomic.Int32
	m := newMesh(t, meshConfig{routes: everywhere(0, &mesh.Retry{Attempts: 1, On: []string{"envoy-ratelimited"}, Backoff: time.Microsecond})},
		failing(http.StatusTooManyRequests, &n), failing(http.StatusTooManyRequests, &n))
	c := m.client(t)
	do(t, c, request(t, "GET", "/", nil))
	if tries := m.records.await(t, 0).Tries; len(tries) != 1 {
		t.Errorf("the app's own 429: %d tries, want 1", len(tries))
	}
	for _, s := range m.sidecars {
		limiter := ratelimit.New(ratelimit.Config{Requests: 1, Unit: time.Hour})
		limiter.Take()
		s.guard.Store(&Guard{Rates: []Rate{{Name: "none", Match: matcher(t, mesh.AuthorizationRule{}), Limiter: limiter}}})
	}
	do(t, c, request(t, "GET", "/", nil))
	if tries := m.records.await(t, 1).Tries; len(tries) != 2 {
		t.Errorf("refused by a limit of rate: %d tries, want 2", len(tries))
	}
}

// TestLimitOfRetriesKeepsTheAnswer: when a limit forbids the retry, the exchange ends as
// its last try did.
func TestLimitOfRetriesKeepsTheAnswer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		first  string // how the first try ends
		status int
		failed bool
	}{
		{"an answer", "503", 503, false},
		{"no answer", "connect", 0, true},
	} {
		first := true
		status, failed := 0, false
		r := attempt(t, trial{on: "503,connect-failure", attempts: 5, whole: true, end: func(x *exchange) error {
			if first {
				first = false
				return ends[tt.first](x)
			}
			return upstream.ErrOverflow // of the pick, for lack of room
		}, after: func(x *exchange, err error) { status, failed = x.answer.status, err != nil }})
		if r.tries != 2 || r.flags != "UO" || status != tt.status || failed != tt.failed {
			t.Errorf("%s: %+v, status %d, failed %v", tt.name, r, status, failed)
		}
	}
}

// TestUntilWhenATryMayTake: the nearer of the try's own end and the exchange's.
func TestUntilWhenATryMayTake(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		perTry, route, want time.Duration // 0 is none
	}{
		{0, 0, 0},
		{time.Second, 0, time.Second},
		{0, time.Second, time.Second},
		{time.Second, 2 * time.Second, time.Second},
		{2 * time.Second, time.Second, time.Second},
		{time.Second, time.Second, time.Second},
	} {
		at := func(d time.Duration) time.Time {
			if d == 0 {
				return time.Time{}
			}
			return now.Add(d)
		}
		x := &exchange{tryEnd: at(tt.perTry), deadline: at(tt.route)}
		if got := x.until(); !got.Equal(at(tt.want)) {
			t.Errorf("a try of %v of a route of %v may take until %v", tt.perTry, tt.route, got.Sub(now))
		}
	}
}

// TestEndsOfATryThatIsLate: which of the two ended decides what is told and whether it is
// tried again.
func TestEndsOfATryThatIsLate(t *testing.T) {
	past, soon := time.Now().Add(-time.Second), time.Now().Add(time.Hour)
	for name, tt := range map[string]struct {
		tryEnd, deadline time.Time
		route            bool
	}{
		"the try's": {past, soon, false}, "the try's alone": {past, time.Time{}, false}, "the route's": {time.Time{}, past, true}, "both": {past, past, true},
	} {
		err := late(&exchange{ctx: context.Background(), tryEnd: tt.tryEnd, deadline: tt.deadline})
		if errors.Is(err, errTimeout) != tt.route {
			t.Errorf("%s time is over: %v", name, err)
		}
	}
}
