package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// span is a time of leading.
type span struct{ from, to time.Time }

var leadership = regexp.MustCompile(`^time=(\S+) .*msg="leads (the control planes|no more)"`)

// led are the times at which a control plane led, by its own word; one that has not ended
// lasts until then.
func led(t *testing.T, r *running, until time.Time) (out []span) {
	t.Helper()
	for line := range strings.SplitSeq(r.said(), "\n") {
		m := leadership.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, m[1])
		if err != nil {
			t.Fatal(err)
		}
		if m[2] == "no more" {
			out[len(out)-1].to = at
			continue
		}
		out = append(out, span{at, until})
	}
	return out
}

// oneLed checks that no two led at a time, but for one that did nothing as it was stopped:
// what it had begun is refused by the store.
func (c *cluster) oneLed(t *testing.T, stopped string, while span) {
	t.Helper()
	type term struct {
		span

		who string
	}
	var all []term
	for _, p := range planeHosts {
		for _, s := range append(c.leads[p], led(t, c.running[p], time.Now())...) {
			if p == stopped && s.from.Before(while.from) && s.to.After(while.from) {
				t.Logf("%s, stopped as it led, said %s after it went on that it does so no more", p, s.to.Sub(while.to).Round(time.Millisecond))
				if s.to.Sub(while.to)-c.stalls.within(while.to, s.to) > time.Second {
					t.Errorf("%s went on to lead after it was stopped for longer than its lease", p)
				}
				s.to = while.from
			}
			all = append(all, term{s, p})
		}
	}
	slices.SortFunc(all, func(a, b term) int { return a.from.Compare(b.from) })
	for i := 1; i < len(all); i++ {
		if overlap := all[i-1].to.Sub(all[i].from); overlap > time.Millisecond { // they are logged to the millisecond
			t.Errorf("%s and %s led both, for %s, at %s", all[i-1].who, all[i].who, overlap, all[i].from.Format(time.TimeOnly))
		}
	}
	t.Logf("%d terms of leading, none at the same time as another", len(all))
}

// stalls knows when this machine stood still: what it keeps from running has not failed,
// and is not slow.
type stalls struct {
	mu  sync.Mutex // guards what follows
	all []span
}

// stallLeast is what is taken for one.
const stallLeast = 200 * time.Millisecond

func watchStalls(t *testing.T) *stalls {
	t.Helper()
	s := &stalls{}
	ended, end := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(stallLeast / 10)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			now := time.Now()
			if now.Sub(last) > stallLeast {
				s.mu.Lock()
				s.all = append(s.all, span{last, now})
				s.mu.Unlock()
			}
			last = now
		}
	}()
	t.Cleanup(func() { close(end); <-ended })
	return s
}

// within is for how long it stood still between two times. A nil one knows of nothing.
func (s *stalls) within(from, to time.Time) (sum time.Duration) {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		begin, end := one.from, one.to
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		sum += max(0, end.Sub(begin))
	}
	return sum
}

// phase is what is told of a fault.
type phase struct {
	name              string
	sidecars          int             // that had to move
	moves             []time.Duration // from the fault
	during, afterward []time.Duration // that changes took
	stall             time.Duration
}

func (p phase) String() string {
	return fmt.Sprintf("| %s | %d | %s | %s | %s | %s |", p.name, p.sidecars, most(p.moves), spread(p.during), spread(p.afterward), p.stall.Round(time.Millisecond))
}

const phaseHead = "| fault | sidecars to move | slowest move | changes during it: n, p50, p99, most | after it | machine stood still |\n|---|---:|---:|---|---|---:|"

func most(all []time.Duration) string {
	if len(all) == 0 {
		return "-"
	}
	return slices.Max(all).Round(time.Millisecond).String()
}

// spread is a sample's size, median, 99th percentile and maximum.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	ms := func(share float64) time.Duration {
		return all[min(int(share*float64(len(all))), len(all)-1)].Round(time.Millisecond)
	}
	return fmt.Sprintf("%d, %s, %s, %s", len(all), ms(0.5), ms(0.99), ms(1))
}
