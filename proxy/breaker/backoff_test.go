package breaker

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	// fail lets the back-off pass, has the probe fail, and returns the next back-off.
	fail := func(t *testing.T, b *Breaker) time.Duration {
		t.Helper()
		time.Sleep(time.Until(b.Status().Until))
		sendAll(t, b, 1, Failure)
		s := b.Status()
		return s.Until.Sub(s.Since)
	}
	bubble(t, "doubles up to its maximum", func(t *testing.T) {
		b := steady(Config{})
		trip(t, b)
		var got []time.Duration
		for range 80 {
			got = append(got, fail(t, b)/time.Second)
		}
		for i, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
			if got[i] != want {
				t.Errorf("back-off %d is %d s, want %d s", i+1, got[i], want)
			}
		}
		if last := got[len(got)-1]; last != 60 {
			t.Errorf("back-off after many failed probes is %d s", last)
		}
	})
	bubble(t, "restarts on a new trip", func(t *testing.T) {
		b := steady(Config{})
		trip(t, b)
		fail(t, b)
		fail(t, b)
		time.Sleep(time.Until(b.Status().Until))
		sendAll(t, b, 1, Success)
		trip(t, b)
		if s := b.Status(); s.Until.Sub(s.Since) != time.Second {
			t.Errorf("back-off %v, want the base", s.Until.Sub(s.Since))
		}
	})
	bubble(t, "is jittered within bounds", func(t *testing.T) {
		b := New(Config{}, Deps{})
		trip(t, b)
		seen := map[time.Duration]bool{}
		for n := range 30 {
			d := fail(t, b)
			seen[d] = true
			least := min(time.Second<<(n+1), time.Minute)
			if n > 20 {
				least = time.Minute
			}
			if d < least || d > min(least+500*time.Millisecond, time.Minute) {
				t.Errorf("back-off %d is %v, want %v and at most half a second more", n+1, d, least)
			}
		}
		if len(seen) < 4 {
			t.Errorf("only %d back-offs: no jitter", len(seen))
		}
	})
	bubble(t, "a base above the maximum is the maximum", func(t *testing.T) {
		b := steady(Config{Base: 5 * time.Minute})
		trip(t, b)
		if d := fail(t, b); d != 5*time.Minute {
			t.Errorf("back-off %v", d)
		}
	})
}
