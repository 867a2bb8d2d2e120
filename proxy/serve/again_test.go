package serve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// tries is a codec of a request whose every try ends in the same way.
type tries struct{ whole bool }

func (tries) send(*exchange, *link) (answer, error)      { return answer{}, nil }
func (t tries) repeatable() bool                         { return t.whole }
func (tries) adopt(*exchange, beginning) error           { return nil }
func (tries) lasting() bool                              { return false }
func (tries) relay(*exchange) error                      { return nil }
func (tries) refuse(*exchange, fault)                    {}
func (tries) answer(*exchange, *route.Answer) error      { return nil }
func (tries) copy(*exchange, address) letter             { return nil }
func (tries) fields(func(name, value string) bool)       {}
func (tries) answerFields(func(name, value string) bool) {}

// ends are the ways a try may end, by the words of the table below.
var ends = map[string]func(x *exchange) error{
	"200":     answers(200, -1),
	"404":     answers(404, -1),
	"409":     answers(409, -1),
	"429":     answers(429, -1),
	"500":     answers(500, -1),
	"502":     answers(502, -1),
	"503":     answers(503, -1),
	"504":     answers(504, -1),
	"grpc1":   answers(200, 1),
	"grpc4":   answers(200, 4),
	"grpc8":   answers(200, 8),
	"grpc13":  answers(200, 13),
	"grpc14":  answers(200, 14),
	"connect": breaks(retry.ConnectFailed),
	"refused": breaks(retry.Refused),
	"unsent":  breaks(retry.Unsent),
	"reset":   breaks(retry.Reset),
	"late":    breaks(retry.TimedOut),
	"limit":   breaks(retry.Withheld),
	"timeout": func(*exchange) error { return errTimeout },
	"gone":    func(*exchange) error { return errClientGone },
}

func answers(status, grpc int) func(*exchange) error {
	return func(x *exchange) error {
		x.answer = answer{status: status, grpc: grpc}
		return nil
	}
}

func breaks(end retry.End) func(*exchange) error {
	return func(*exchange) error { return &broken{end: end, cause: errors.New("broken")} }
}

// TestWhatIsTriedAgain: a word of retryOn by an outcome: the number of tries, of the one
// first and two more. "*" is with an idempotent method only.
func TestWhatIsTriedAgain(t *testing.T) {
	for on, again := range map[string]string{
		"":                       "connect refused unsent reset*",
		"5xx":                    "500 502 503 504 connect refused unsent reset late",
		"gateway-error":          "502 503 504 connect refused unsent reset late",
		"reset":                  "refused unsent reset late",
		"connect-failure":        "connect",
		"refused-stream":         "refused",
		"reset-before-request":   "unsent",
		"retriable-4xx":          "409",
		"retriable-status-codes": "",
		"429,404":                "429 404",
		"cancelled":              "grpc1",
		"deadline-exceeded":      "grpc4",
		"resource-exhausted":     "grpc8",
		"internal":               "grpc13",
		"unavailable":            "grpc14",
		"connect-failure,503":    "connect 503",
		"5xx,unavailable":        "500 502 503 504 connect refused unsent reset late grpc14",
	} {
		for end := range ends {
			for _, idempotent := range []bool{false, true} {
				want := 1
				for w := range strings.FieldsSeq(again) {
					if w == end || w == end+"*" && idempotent {
						want = 3
					}
				}
				got := attempt(t, trial{on: on, attempts: 2, idempotent: idempotent, end: ends[end], whole: true})
				if got.tries != want || (want == 3) != (got.flags == "URX") {
					t.Errorf("on %q, %s, idempotent %v: %d tries and flags %q, want %d", on, end, idempotent, got.tries, got.flags, want)
				}
			}
		}
	}
}

type trial struct {
	on         string
	attempts   int
	idempotent bool
	whole      bool // the body can be sent again
	end        func(*exchange) error
	perTry     time.Duration
	timeout    time.Duration                // of the route
	takes      time.Duration                // each try
	budget     int                          // retries; 0 is plenty
	leave      time.Duration                // when the client goes; 0 is never
	after      func(x *exchange, err error) // looks at how it ended; may be nil
}

type trialResult struct {
	tries int
	flags string
	took  time.Duration
	at    []time.Duration // when each try began
	ends  []time.Duration // until when each try may take, by its perTry
}

type allowance struct{ left int }

func (*allowance) Deposit() {}
func (a *allowance) Withdraw() bool {
	a.left--
	return a.left >= 0
}

// attempt takes one request through the layer of retries on a fake clock.
func attempt(t *testing.T, c trial) (r trialResult) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var on []string
		if c.on != "" {
			on = strings.Split(c.on, ",")
		}
		policy, err := retry.Parse(c.attempts, c.perTry, on)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		x := &exchange{ctx: ctx, via: tries{c.whole}, route: &route.Route{Retry: policy}, idempotent: c.idempotent}
		x.reset()
		start := time.Now()
		if c.timeout > 0 {
			x.deadline = start.Add(c.timeout)
		}
		if c.leave > 0 {
			time.AfterFunc(c.leave, cancel)
		}
		if c.budget == 0 {
			c.budget = 1000
		}
		x.route, x.idempotent = &route.Route{Retry: policy}, c.idempotent
		handle := again(&allowance{c.budget}, func(x *exchange) error {
			r.tries++
			r.at = append(r.at, time.Since(start))
			if !x.tryEnd.IsZero() {
				r.ends = append(r.ends, time.Until(x.tryEnd))
			}
			left := c.takes
			if !x.deadline.IsZero() { // which the codecs keep to
				left = min(left, time.Until(x.deadline))
			}
			time.Sleep(left)
			if left < c.takes {
				return errTimeout
			}
			return c.end(x)
		})
		err = handle(x)
		if c.after != nil {
			c.after(x, err)
		}
		r.flags, r.took = x.rec.Flags, time.Since(start)
	})
	return r
}

// TestWhenItIsTriedAgain: how often, and when.
func TestWhenItIsTriedAgain(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name  string
		c     trial
		tries int
		flags string
		least time.Duration // in all
		most  time.Duration
	}{
		{"attempts 0 turns it off", trial{on: "5xx", attempts: 0, end: ends["503"], whole: true}, 1, "", 0, 0},
		{"attempts bound it", trial{on: "5xx", attempts: 5, end: ends["503"], whole: true}, 6, "URX", 0, (25 + 75 + 175 + 250 + 250) * ms},
		{"a body that is gone", trial{on: "5xx", attempts: 5, end: ends["503"]}, 1, "", 0, 0},
		{"the budget", trial{on: "5xx", attempts: 5, end: ends["503"], whole: true, budget: 2}, 3, "UO", 0, 100 * ms},
		{"an idle connection's end loses no time, once", trial{attempts: 1, end: ends["unsent"], whole: true}, 2, "URX", 0, 0},
		{"the route's timeout covers all tries", trial{on: "5xx", attempts: 100, end: ends["503"], whole: true, takes: 300 * ms, timeout: time.Second}, 0, "", 900 * ms, 1000 * ms},
		{"no retry after the route's timeout", trial{on: "5xx", attempts: 3, end: ends["timeout"], whole: true, takes: 100 * ms, timeout: 100 * ms}, 1, "", 100 * ms, 100 * ms},
		{"the client goes", trial{on: "5xx", attempts: 50, end: ends["503"], whole: true, takes: 100 * ms, leave: 150 * ms}, 0, "", 100 * ms, 300 * ms},
	} {
		for range 20 { // the back-off is drawn
			r := attempt(t, tt.c)
			if tt.tries > 0 && r.tries != tt.tries || r.flags != tt.flags || r.took < tt.least || r.took > tt.most {
				t.Errorf("%s: %d tries, flags %q in %v; want %d, %q within %v to %v", tt.name, r.tries, r.flags, r.took, tt.tries, tt.flags, tt.least, tt.most)
				break
			}
		}
	}
}

// TestBackoffBetweenTries: the n-th retry waits a part of its bound.
func TestBackoffBetweenTries(t *testing.T) {
	bounds := []time.Duration{25 * time.Millisecond, 75 * time.Millisecond, 175 * time.Millisecond, 250 * time.Millisecond, 250 * time.Millisecond}
	for range 50 {
		r := attempt(t, trial{on: "5xx", attempts: 5, end: ends["500"], whole: true, takes: 10 * time.Millisecond})
		for n, bound := range bounds {
			if wait := r.at[n+1] - r.at[n] - 10*time.Millisecond; wait < 0 || wait >= bound {
				t.Fatalf("retry %d waited %v, want less than %v", n+1, wait, bound)
			}
		}
	}
}

// TestEachTryHasItsTime: perTryTimeout begins anew with each try.
func TestEachTryHasItsTime(t *testing.T) {
	r := attempt(t, trial{on: "reset", attempts: 2, end: ends["late"], whole: true, perTry: 200 * time.Millisecond, takes: 200 * time.Millisecond})
	if got := fmt.Sprint(r.ends); got != "[200ms 200ms 200ms]" || r.tries != 3 {
		t.Errorf("%d tries, each with %s", r.tries, got)
	}
}
