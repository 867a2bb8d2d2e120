package breaker

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// send lets one request through and answers it at once; false if it was refused.
func send(b *Breaker, r Result) bool {
	t, ok := b.Admit()
	if ok {
		t.Done(r)
	}
	return ok
}

func sendAll(t *testing.T, b *Breaker, n int, r Result) {
	t.Helper()
	for i := range n {
		if !send(b, r) {
			t.Fatalf("request %d of %d was refused: %+v", i+1, n, b.Status())
		}
	}
}

// trip sends failures until b is tripped.
func trip(t *testing.T, b *Breaker) {
	t.Helper()
	for range 100 {
		if b.State() == Tripped {
			return
		}
		send(b, Failure)
	}
	t.Fatalf("100 failures did not trip: %+v", b.Status())
}

func want(t *testing.T, b *Breaker, s State) {
	t.Helper()
	if got := b.Status(); got.State != s || b.State() != s {
		t.Fatalf("state %v (%s), want %v", got.State, got.Reason, s)
	}
}

// steady is a breaker without jitter that reads the time of the bubble.
func steady(c Config) *Breaker {
	return New(c, Deps{Random: func() float64 { return 0 }})
}

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestTripping(t *testing.T) {
	bubble(t, "admits at first", func(t *testing.T) {
		b := steady(Config{})
		want(t, b, Admitting)
		sendAll(t, b, 1000, Success)
		want(t, b, Admitting)
	})
	bubble(t, "on failures in a row", func(t *testing.T) {
		b := steady(Config{Success: -1})
		sendAll(t, b, 6, Failure)
		want(t, b, Admitting)
		sendAll(t, b, 1, Failure)
		want(t, b, Tripped)
		if send(b, Success) {
			t.Error("a tripped breaker let a request through")
		}
		if r := b.Status().Reason; r != "7 consecutive failures" {
			t.Errorf("reason %q", r)
		}
	})
	bubble(t, "a success ends a row", func(t *testing.T) {
		b := steady(Config{Success: -1})
		for range 10 {
			sendAll(t, b, 6, Failure)
			sendAll(t, b, 1, Success)
		}
		want(t, b, Admitting)
	})
	bubble(t, "on a low share of successes", func(t *testing.T) {
		b := steady(Config{Failures: -1})
		sendAll(t, b, 7, Success)
		sendAll(t, b, 1, Failure)
		want(t, b, Admitting) // 7 of 8
		sendAll(t, b, 1, Failure)
		want(t, b, Tripped) // 7 of 9
		if r := b.Status().Reason; r != "7 of 9 requests succeeded within 10s" {
			t.Errorf("reason %q", r)
		}
	})
	bubble(t, "not at the threshold itself", func(t *testing.T) {
		b := steady(Config{Failures: -1})
		for range 20 {
			sendAll(t, b, 4, Success)
			sendAll(t, b, 1, Failure)
		}
		want(t, b, Admitting)
	})
	bubble(t, "few requests say nothing of the share", func(t *testing.T) {
		b := steady(Config{Failures: -1})
		sendAll(t, b, 4, Failure)
		want(t, b, Admitting)
		sendAll(t, b, 1, Failure)
		want(t, b, Tripped)
	})
	bubble(t, "consecutive failures are the reason when both cross", func(t *testing.T) {
		b := steady(Config{Failures: 5, MinRequests: 5})
		sendAll(t, b, 5, Failure)
		if r := b.Status().Reason; r != "5 consecutive failures" {
			t.Errorf("reason %q", r)
		}
	})
	bubble(t, "neither reason", func(t *testing.T) {
		b := steady(Config{Failures: -1, Success: -1})
		sendAll(t, b, 1000, Failure)
		want(t, b, Admitting)
	})
	bubble(t, "rate limiting is no consecutive failure", func(t *testing.T) {
		b := steady(Config{Success: -1})
		sendAll(t, b, 100, Limited)
		want(t, b, Admitting)
	})
	bubble(t, "rate limiting lowers the share", func(t *testing.T) {
		b := steady(Config{Failures: -1})
		sendAll(t, b, 5, Limited)
		want(t, b, Tripped)
	})
	bubble(t, "rate limiting neither ends nor lengthens a row", func(t *testing.T) {
		b := steady(Config{Success: -1})
		sendAll(t, b, 6, Failure)
		sendAll(t, b, 3, Limited)
		want(t, b, Admitting)
		sendAll(t, b, 1, Failure)
		want(t, b, Tripped)
	})
	bubble(t, "dropped requests count nowhere", func(t *testing.T) {
		b := steady(Config{})
		sendAll(t, b, 4, Failure)
		sendAll(t, b, 100, Dropped)
		want(t, b, Admitting)
		sendAll(t, b, 1, Failure)
		want(t, b, Tripped)
	})
}

func TestWindow(t *testing.T) {
	bubble(t, "old failures leave it", func(t *testing.T) {
		b := steady(Config{Failures: -1})
		sendAll(t, b, 4, Failure)
		time.Sleep(10 * time.Second)
		sendAll(t, b, 4, Failure)
		want(t, b, Admitting)
	})
	bubble(t, "recent failures stay in it", func(t *testing.T) {
		b := steady(Config{Failures: -1})
		sendAll(t, b, 4, Failure)
		time.Sleep(8 * time.Second)
		sendAll(t, b, 1, Failure)
		want(t, b, Tripped)
	})
	bubble(t, "it moves by tenths", func(t *testing.T) {
		b := steady(Config{Failures: -1, MinRequests: 11})
		for range 10 {
			sendAll(t, b, 1, Failure)
			time.Sleep(time.Second)
		}
		// The first of ten has left; ten are there with this one.
		sendAll(t, b, 1, Failure)
		want(t, b, Admitting)
		sendAll(t, b, 1, Failure)
		want(t, b, Tripped)
	})
	bubble(t, "a long gap empties it", func(t *testing.T) {
		b := steady(Config{Failures: -1})
		sendAll(t, b, 1000, Success)
		time.Sleep(time.Hour)
		sendAll(t, b, 5, Failure)
		want(t, b, Tripped)
	})
	bubble(t, "idleness is a cold start", func(t *testing.T) {
		b := steady(Config{Failures: -1})
		sendAll(t, b, 100, Success)
		time.Sleep(time.Minute)
		sendAll(t, b, 4, Failure)
		want(t, b, Admitting)
	})
	bubble(t, "a burst of successes does not hide an outage", func(t *testing.T) {
		b := steady(Config{Failures: -1})
		sendAll(t, b, 1000, Success)
		time.Sleep(10 * time.Second)
		sendAll(t, b, 5, Failure)
		want(t, b, Tripped)
	})
	bubble(t, "buckets have a least width", func(t *testing.T) {
		b := steady(Config{Failures: -1, Window: time.Nanosecond})
		sendAll(t, b, 5, Failure)
		want(t, b, Tripped)
	})
}

func TestProbing(t *testing.T) {
	bubble(t, "one request after the back-off", func(t *testing.T) {
		b := steady(Config{})
		trip(t, b)
		time.Sleep(999 * time.Millisecond)
		if _, ok := b.Admit(); ok {
			t.Fatal("a request passed before the back-off was over")
		}
		time.Sleep(time.Millisecond)
		probe, ok := b.Admit()
		if !ok {
			t.Fatal("no probe after the back-off")
		}
		want(t, b, Probing)
		for range 10 {
			if _, ok := b.Admit(); ok {
				t.Fatal("a second request passed while the probe was out")
			}
		}
		probe.Done(Success)
		want(t, b, Admitting)
	})
	bubble(t, "nothing happens without a request", func(t *testing.T) {
		b := steady(Config{})
		trip(t, b)
		time.Sleep(time.Hour)
		want(t, b, Tripped)
		if ready, probe := b.Ready(time.Now()); !ready || !probe {
			t.Error("not ready for a probe")
		}
		want(t, b, Tripped)
	})
	for _, r := range []Result{Failure, Limited} {
		bubble(t, fmt.Sprintf("bad answer %d", r), func(t *testing.T) {
			b := steady(Config{})
			trip(t, b)
			time.Sleep(time.Second)
			sendAll(t, b, 1, r)
			want(t, b, Tripped)
			if s := b.Status(); s.Reason != "the probe failed" || s.Until.Sub(s.Since) != 2*time.Second {
				t.Errorf("status %+v, want twice the back-off", s)
			}
		})
	}
	bubble(t, "a dropped probe leaves its place to the next", func(t *testing.T) {
		b := steady(Config{})
		trip(t, b)
		time.Sleep(time.Second)
		sendAll(t, b, 1, Dropped)
		want(t, b, Probing)
		if ready, probe := b.Ready(time.Now()); !ready || !probe {
			t.Fatal("no place for a second probe")
		}
		sendAll(t, b, 1, Success)
		want(t, b, Admitting)
	})
	bubble(t, "counts start anew after recovery", func(t *testing.T) {
		b := steady(Config{})
		trip(t, b)
		time.Sleep(time.Second)
		sendAll(t, b, 1, Success)
		sendAll(t, b, 4, Failure) // a fifth request would make a share
		want(t, b, Admitting)
	})
	bubble(t, "answers from before the trip are ignored", func(t *testing.T) {
		b := steady(Config{})
		late := make([]Ticket, 3)
		for i := range late {
			late[i], _ = b.Admit()
		}
		trip(t, b)
		since := b.Status()
		late[0].Done(Success)
		want(t, b, Tripped)
		time.Sleep(time.Second)
		probe, _ := b.Admit()
		late[1].Done(Failure)
		want(t, b, Probing)
		probe.Done(Success)
		late[2].Done(Failure)
		want(t, b, Admitting)
		if !b.Status().Since.After(since.Since) {
			t.Error("the recovery has no time of its own")
		}
	})
}

func TestAllowKeepsItAdmitting(t *testing.T) {
	allowed := false
	b := New(Config{}, Deps{Allow: func() bool { return allowed }})
	sendAll(t, b, 50, Failure)
	want(t, b, Admitting)
	allowed = true
	sendAll(t, b, 1, Failure)
	want(t, b, Tripped)
}

func TestChangesAreToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		b := New(Config{}, Deps{Random: func() float64 { return 0 }, Changed: func(c Change) {
			got = append(got, fmt.Sprintf("%v > %v: %s", c.From, c.To, c.Reason))
		}})
		trip(t, b)
		time.Sleep(time.Second)
		sendAll(t, b, 1, Failure)
		time.Sleep(2 * time.Second)
		sendAll(t, b, 1, Success)
		want := []string{
			"admitting > tripped: 0 of 5 requests succeeded within 10s",
			"tripped > probing: back-off is over",
			"probing > tripped: the probe failed",
			"tripped > probing: back-off is over",
			"probing > admitting: the probe succeeded",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
}

func TestConfigureKeepsState(t *testing.T) {
	b := steady(Config{Success: -1})
	sendAll(t, b, 3, Failure)
	b.Configure(Config{Failures: 4, Success: -1})
	sendAll(t, b, 1, Failure)
	want(t, b, Tripped)
	b.Configure(Config{Failures: 100})
	want(t, b, Tripped)
}

func TestZeroTicketCountsNothing(t *testing.T) {
	Ticket{}.Done(Failure)
}

func TestOneProbeAmongMany(t *testing.T) {
	var mu sync.Mutex
	now := time.Unix(0, 0)
	b := New(Config{}, Deps{Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	trip(t, b)
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	var wg sync.WaitGroup
	passed := make(chan Ticket, 64)
	for range 64 {
		wg.Go(func() {
			if ticket, ok := b.Admit(); ok {
				passed <- ticket
			}
		})
	}
	wg.Wait()
	if len(passed) != 1 {
		t.Fatalf("%d probes passed, want one", len(passed))
	}
	(<-passed).Done(Success)
	want(t, b, Admitting)
}

func TestConcurrentUse(t *testing.T) {
	b := New(Config{Base: time.Millisecond, Max: 2 * time.Millisecond}, Deps{})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				send(b, Result((n+i)%4))
				b.Ready(time.Now())
			}
		})
	}
	wg.Wait()
	if s := b.Status(); !strings.Contains("admitting tripped probing", s.State.String()) {
		t.Errorf("status %+v", s)
	}
}

func BenchmarkAdmitDone(b *testing.B) {
	br := New(Config{}, Deps{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			send(br, Success)
		}
	})
}
