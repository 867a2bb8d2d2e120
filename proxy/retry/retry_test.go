package retry

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func answered(status int) Outcome { return Outcome{End: Answered, Status: status, GRPCStatus: -1} }

func grpc(code int) Outcome { return Outcome{End: Answered, Status: 200, GRPCStatus: code} }

func ended(e End) Outcome { return Outcome{End: e, GRPCStatus: -1} }

func TestPolicyRetries(t *testing.T) {
	safeReset := ended(Reset)
	safeReset.Idempotent = true
	tests := []struct {
		on        string // words, or "" for the default
		retried   []Outcome
		unretried []Outcome
	}{
		{
			on:        "",
			retried:   []Outcome{ended(ConnectFailed), ended(Refused), ended(Unsent), safeReset},
			unretried: []Outcome{answered(200), answered(503), ended(Reset), ended(TimedOut), ended(Withheld), grpc(14)},
		},
		{
			on:        "5xx",
			retried:   []Outcome{answered(500), answered(503), answered(599), ended(Reset), ended(ConnectFailed), ended(Refused), ended(TimedOut)},
			unretried: []Outcome{answered(200), answered(409), answered(499), ended(Withheld), grpc(13)},
		},
		{
			on:        "gateway-error",
			retried:   []Outcome{answered(502), answered(503), answered(504), ended(Reset)},
			unretried: []Outcome{answered(500), answered(501), answered(505)},
		},
		{
			on:        "connect-failure",
			retried:   []Outcome{ended(ConnectFailed)},
			unretried: []Outcome{ended(Reset), ended(Refused), ended(Unsent), answered(503)},
		},
		{
			on:        "reset",
			retried:   []Outcome{ended(Reset), ended(Unsent), ended(Refused), ended(TimedOut)},
			unretried: []Outcome{ended(ConnectFailed), answered(503)},
		},
		{on: "reset-before-request", retried: []Outcome{ended(Unsent)}, unretried: []Outcome{ended(Reset), safeReset}},
		{on: "refused-stream", retried: []Outcome{ended(Refused)}, unretried: []Outcome{ended(Reset), ended(ConnectFailed)}},
		{on: "envoy-ratelimited", retried: []Outcome{{End: Answered, Status: 429, GRPCStatus: -1, Limited: true}}, unretried: []Outcome{answered(429), answered(503), ended(Reset)}},
		{on: "retriable-4xx", retried: []Outcome{answered(409)}, unretried: []Outcome{answered(404), answered(429), ended(Reset)}},
		{on: "retriable-status-codes", unretried: []Outcome{answered(503), answered(200), ended(Reset)}},
		{on: "503,429", retried: []Outcome{answered(503), answered(429)}, unretried: []Outcome{answered(500), ended(Reset)}},
		{on: "cancelled", retried: []Outcome{grpc(1)}, unretried: []Outcome{grpc(0), grpc(14), answered(499)}},
		{on: "deadline-exceeded", retried: []Outcome{grpc(4)}, unretried: []Outcome{grpc(1), answered(504)}},
		{on: "internal,resource-exhausted", retried: []Outcome{grpc(13), grpc(8)}, unretried: []Outcome{grpc(14)}},
		{on: "connect-failure,unavailable", retried: []Outcome{ended(ConnectFailed), grpc(14)}, unretried: []Outcome{grpc(2), ended(Reset)}},
	}
	for _, tt := range tests {
		t.Run(tt.on, func(t *testing.T) {
			p := Default()
			if tt.on != "" {
				var err error
				if p, err = Parse(2, 0, strings.Split(tt.on, ",")); err != nil {
					t.Fatal(err)
				}
			}
			for _, o := range tt.retried {
				if !p.Retries(o) {
					t.Errorf("%+v is not retried", o)
				}
			}
			for _, o := range tt.unretried {
				if p.Retries(o) {
					t.Errorf("%+v is retried", o)
				}
			}
		})
	}
}

func TestAttemptsZeroTurnsRetriesOff(t *testing.T) {
	p, err := Parse(0, 0, []string{"5xx"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Retries(answered(503)) || (Policy{}).Retries(ended(ConnectFailed)) {
		t.Error("a policy without attempts retried")
	}
}

func TestParseWithoutWordsKeepsTheSafeConditions(t *testing.T) {
	p, err := Parse(5, 2*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Attempts != 5 || p.PerTry != 2*time.Second {
		t.Errorf("Parse = %+v", p)
	}
	if !p.Retries(ended(ConnectFailed)) || p.Retries(answered(503)) {
		t.Error("conditions are not the default's")
	}
}

func TestParseNamesWhatItRefuses(t *testing.T) {
	tests := []struct {
		name     string
		attempts int
		perTry   time.Duration
		on       []string
		want     string
	}{
		{"unknown word", 1, 0, []string{"5xx", "sometimes"}, `on[1]: "sometimes"`},
		{"no status code", 1, 0, []string{"999"}, `on[0]: "999"`},
		{"attempts", -1, 0, nil, "attempts: -1"},
		{"time", 1, -time.Second, nil, "perTryTimeout: -1s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.attempts, tt.perTry, tt.on)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestPauseIsJitteredWithinItsBound(t *testing.T) {
	for _, base := range []time.Duration{0, 25 * time.Millisecond, 2 * time.Second} {
		unit := base
		if base == 0 {
			unit = 25 * time.Millisecond
		}
		for n, times := range map[int]int64{0: 1, 1: 1, 2: 3, 3: 7, 4: 10, 5: 10, 1000: 10} {
			bound := time.Duration(times * int64(unit))
			seen := map[time.Duration]bool{}
			for range 1000 {
				d := Policy{Backoff: base}.Pause(n)
				if d < 0 || d >= bound {
					t.Fatalf("base %v: Pause(%d) = %v, want it in [0, %v)", base, n, d, bound)
				}
				seen[d] = true
			}
			if len(seen) < 900 {
				t.Errorf("Pause(%d) took %d values in 1000 draws: not jittered", n, len(seen))
			}
		}
	}
}

func withdrawAll(b *Budget) int {
	n := 0
	for b.Withdraw() {
		n++
	}
	return n
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(time.Now)
		if got := withdrawAll(b); got != 100 {
			t.Fatalf("without requests %d retries, want 10 per second over 10 s", got)
		}
		for range 1000 {
			b.Deposit()
		}
		if got := withdrawAll(b); got != 200 {
			t.Fatalf("after 1000 requests %d retries, want a fifth", got)
		}
		time.Sleep(9 * time.Second)
		if b.Withdraw() {
			t.Fatal("retries of 9 s ago were forgotten")
		}
		time.Sleep(time.Second)
		if got := withdrawAll(b); got != 100 {
			t.Fatalf("10 s later %d retries, want the allowance alone", got)
		}
	})
}

func TestBudgetForgetsOldRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(time.Now)
		for range 10 {
			for range 100 {
				b.Deposit()
			}
			time.Sleep(time.Second)
		}
		// The first second's requests have left the span by now.
		if got := withdrawAll(b); got != 100+180 {
			t.Errorf("%d retries, want the allowance and a fifth of 900", got)
		}
		time.Sleep(time.Hour)
		if got := withdrawAll(b); got != 100 {
			t.Errorf("an hour later %d retries, want the allowance", got)
		}
	})
}
