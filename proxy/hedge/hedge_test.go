package hedge

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

func TestDelayFollowsThePercentile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Percentile: 0.95, Least: 2 * ms, Most: time.Second})
		tell := func(n int, of func(i int) time.Duration) {
			for i := range n {
				d.Observe(of(i))
			}
		}
		flat := func(took time.Duration) func(int) time.Duration {
			return func(int) time.Duration { return took }
		}
		if d.Now() != time.Second {
			t.Errorf("%v before anything is known, want the most", d.Now())
		}
		tell(1000, flat(10*ms))
		if d.Now() != time.Second {
			t.Errorf("%v within the first window", d.Now())
		}
		time.Sleep(window)
		tell(1, flat(10*ms))
		if got := d.Now(); got < 9700*time.Microsecond || got > 10300*time.Microsecond {
			t.Errorf("%v of latencies of 10 ms", got)
		}
		tell(100, func(i int) time.Duration { return time.Duration(i+1) * ms })
		time.Sleep(window)
		tell(1, flat(ms))
		if got := d.Now(); got < 92*ms || got > 98*ms {
			t.Errorf("%v, want the 95th of 1 to 100 ms", got)
		}
		time.Sleep(window)
		tell(few-1, flat(time.Microsecond))
		if got := d.Now(); got < 92*ms {
			t.Errorf("%v after too few", got)
		}
		tell(1, flat(time.Microsecond))
		if d.Now() != 2*ms {
			t.Errorf("%v, want the least", d.Now())
		}
		time.Sleep(window)
		tell(few, flat(time.Hour))
		if d.Now() != time.Second {
			t.Errorf("%v, want the most", d.Now())
		}
	})
}

func TestFixedDelay(t *testing.T) {
	d := New(Config{After: 50 * ms})
	for range 100 {
		d.Observe(time.Second)
	}
	if d.Now() != 50*ms || d.recent.Count() != 0 {
		t.Errorf("%v, %d kept", d.Now(), d.recent.Count())
	}
}

func TestValidate(t *testing.T) {
	for want, c := range map[string]Config{
		"want one of":  {},
		"want one":     {After: 1, Percentile: 0.5},
		"percentile: ": {Percentile: 95, Least: 1, Most: 2},
		"bounds: ":     {Percentile: 0.95, Least: 2, Most: 1},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	for _, c := range []Config{{After: 1}, {Percentile: 0.95, Least: 1, Most: 1}} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
