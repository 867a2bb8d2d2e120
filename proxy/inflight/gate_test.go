package inflight

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fill has a caller enter until it is refused.
func fill(t *testing.T, g *Gate, c *Caller, b Bounds) int {
	t.Helper()
	for n := 0; ; n++ {
		if n > 1_000_000 {
			t.Fatal("never refused")
		}
		if g.Enter(t.Context(), c, b) != Entered {
			return n
		}
	}
}

func TestBounds(t *testing.T) {
	const a, b = 0, 1
	for _, tt := range []struct {
		bounds Bounds
		enter  []int // callers, one after the other
		want   []Verdict
	}{
		{Bounds{}, []int{a, a, b}, []Verdict{Entered, Entered, Entered}},
		{Bounds{All: Fixed(2)}, []int{a, a, a}, []Verdict{Entered, Entered, Full}},
		{Bounds{PerCaller: 1}, []int{a, a, b}, []Verdict{Entered, CallerFull, Entered}},
		{Bounds{All: Fixed(2), PerCaller: 1}, []int{a, a, b, b}, []Verdict{Entered, CallerFull, Entered, CallerFull}},
		{Bounds{All: Fixed(2)}, []int{a, b, b}, []Verdict{Entered, Entered, Full}},
	} {
		callers := []*Caller{{key: "a"}, {key: "b"}}
		g := NewGate(1, time.Hour)
		for round := range 2 { // all leave, and it is as before
			var in []*Caller
			for i, c := range tt.enter {
				got := g.Enter(t.Context(), callers[c], tt.bounds)
				if got != tt.want[i] {
					t.Errorf("%+v, round %d: %d of %v: %v, want %v", tt.bounds, round, i, tt.enter, got, tt.want[i])
				}
				if got == Entered {
					in = append(in, callers[c])
				}
			}
			if g.Now() != len(in) {
				t.Errorf("%+v: %d under way, want %d", tt.bounds, g.Now(), len(in))
			}
			for _, c := range in {
				g.Leave(c)
			}
			if g.Now() != 0 || g.active.Load() != 0 || callers[a].now[1].Load() != 0 {
				t.Errorf("%+v: %d of %d callers are left", tt.bounds, g.Now(), g.active.Load())
			}
		}
	}
}

// Alone, a caller may have all there is, and is refused at once beyond it.
func TestNoPartLiesIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, noisy, start := NewGate(0, time.Second), &Caller{}, time.Now()
		if n := fill(t, g, noisy, Bounds{All: Fixed(100)}); n != 100 {
			t.Errorf("one alone gets %d of 100", n)
		}
		if time.Since(start) != 0 || g.Waited() != 0 {
			t.Errorf("waited %v", time.Since(start))
		}
	})
}

// Who has less than its share gets the next place that is left, before who has more.
func TestQuietCallerIsNotKeptOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, noisy, quiet := NewGate(0, time.Second), &Caller{}, &Caller{}
		b := Bounds{All: Fixed(10)}
		fill(t, g, noisy, b)
		verdict := make(chan Verdict, 1)
		go func() { verdict <- g.Enter(t.Context(), quiet, b) }()
		synctest.Wait()
		time.Sleep(300 * time.Millisecond)
		g.Leave(noisy)
		synctest.Wait()
		select {
		case v := <-verdict:
			if v != Entered {
				t.Errorf("the quiet caller: %v", v)
			}
		default:
			t.Fatal("the quiet caller still waits")
		}
		if v := g.Enter(t.Context(), noisy, b); v != Full || g.Now() != 10 {
			t.Errorf("the noisy caller beyond its share: %v with %d under way", v, g.Now())
		}
		if g.Waited() != 1 {
			t.Errorf("%d waited", g.Waited())
		}
	})
}

func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, noisy, quiet := NewGate(0, time.Second), &Caller{}, &Caller{}
		b := Bounds{All: Fixed(4)}
		fill(t, g, noisy, b)
		start := time.Now()
		if v := g.Enter(t.Context(), quiet, b); v != Full || time.Since(start) != time.Second {
			t.Errorf("%v after %v, want it refused after a second", v, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start = time.Now()
		if v := g.Enter(ctx, quiet, b); v != Gone || time.Since(start) != time.Millisecond {
			t.Errorf("%v after %v, want it gone when its context ended", v, time.Since(start))
		}
		for _, by := range []time.Duration{-time.Second, 0, time.Millisecond, time.Second, 2 * time.Second} {
			start = time.Now()
			v, took, want := g.Enter(t.Context(), quiet, Bounds{All: b.All, By: start.Add(by)}), time.Since(start), Late
			if by > time.Second {
				want = Full
			}
			if v != want || took != min(max(by, 0), time.Second) {
				t.Errorf("%v after %v with %v left, want %v", v, took, by, want)
			}
		}
		// What waits is bounded by the share, which is 2 of 4.
		var waiting sync.WaitGroup
		for range 2 {
			waiting.Go(func() { g.Enter(t.Context(), quiet, b) })
		}
		synctest.Wait()
		start = time.Now()
		if v := g.Enter(t.Context(), quiet, b); v != Full || time.Since(start) != 0 {
			t.Errorf("%v after %v, want the third refused at once", v, time.Since(start))
		}
		waiting.Wait()
		if g.waiting.Load() != 0 || g.queue.Len() != 0 || quiet.now[0].Load() != 0 || g.Now() != 4 {
			t.Errorf("%d wait, %d of the quiet caller and %d in all", g.waiting.Load(), quiet.now[0].Load(), g.Now())
		}
	})
}

// rising is a limit that can be raised.
type rising struct{ n atomic.Int64 }

func (r *rising) Limit() int { return int(r.n.Load()) }

func TestLimitThatRises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, noisy, quiet := NewGate(0, time.Second), &Caller{}, &Caller{}
		limit := &rising{}
		limit.n.Store(4)
		fill(t, g, noisy, Bounds{All: limit})
		var in atomic.Int32
		for range 2 {
			go func() {
				if g.Enter(t.Context(), quiet, Bounds{All: limit}) == Entered {
					in.Add(1)
				}
			}()
		}
		synctest.Wait()
		limit.n.Store(6)
		g.Leave(noisy)
		synctest.Wait()
		if in.Load() != 2 || g.Now() != 5 {
			t.Errorf("%d of the quiet caller are in, %d in all; want both", in.Load(), g.Now())
		}
	})
}

// Once the limit has risen there is room at once: for who waits first, and then for
// whoever comes, also beyond its share.
func TestRisenLimitIsUsedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, noisy, quiet := NewGate(0, time.Second), &Caller{}, &Caller{}
		limit := &rising{}
		limit.n.Store(4)
		b := Bounds{All: limit}
		fill(t, g, noisy, b)
		quiets := make(chan Verdict, 1)
		go func() { quiets <- g.Enter(t.Context(), quiet, b) }()
		synctest.Wait()
		limit.n.Store(6)
		if v := g.Enter(t.Context(), noisy, b); v != Entered {
			t.Errorf("the noisy caller, with room for two: %v", v)
		}
		synctest.Wait()
		if v := <-quiets; v != Entered || g.Now() != 6 {
			t.Errorf("who waited: %v with %d under way", v, g.Now())
		}
		if v := g.Enter(t.Context(), noisy, b); v != Full || g.Now() != 6 {
			t.Errorf("one more: %v with %d under way", v, g.Now())
		}
	})
}

// Under a load that is many times the bound, callers with any demand get what they ask
// for up to an equal share, and the bound holds. Two ask for more than there is, one
// asks for little.
func TestSharesUnderOverload(t *testing.T) {
	const bound, service, during = 40, 20 * time.Millisecond, 3 * time.Second
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(0, time.Second)
		type asking struct {
			Caller
			every      time.Duration
			asked, got int
			longest    time.Duration
		}
		callers := []*asking{{every: service / 100}, {every: service / 50}, {every: 2 * service}}
		var all sync.WaitGroup
		var mu sync.Mutex
		for _, c := range callers {
			all.Go(func() {
				for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(c.every) {
					all.Go(func() {
						start := time.Now()
						v := g.Enter(t.Context(), &c.Caller, Bounds{All: Fixed(bound)})
						mu.Lock()
						c.asked++
						if v == Entered {
							c.got++
							c.longest = max(c.longest, time.Since(start))
						}
						mu.Unlock()
						if v != Entered {
							return
						}
						if n := g.Now(); n > bound {
							t.Errorf("%d under way", n)
						}
						time.Sleep(time.Duration(float64(service) * (0.5 + rand.Float64())))
						g.Leave(&c.Caller)
					})
				}
			})
		}
		all.Wait()
		capacity := float64(bound) * float64(during/service)
		total := 0
		for i, c := range callers {
			total += c.got
			t.Logf("caller %d: %d of %d, waited %v at most", i, c.got, c.asked, c.longest)
		}
		quiet := callers[2]
		if quiet.got != quiet.asked || quiet.longest > 2*service {
			t.Errorf("the quiet caller got %d of %d, waited %v at most", quiet.got, quiet.asked, quiet.longest)
		}
		for i, c := range callers[:2] {
			// What the quiet one leaves of its share goes to who asks first.
			if equal := (capacity - float64(quiet.got)) / 2; float64(c.got) < 0.8*equal {
				t.Errorf("caller %d, who asks for more than there is, got %d of %v", i, c.got, equal)
			}
		}
		if float64(total) < 0.95*capacity {
			t.Errorf("%d were served of %v that could have been", total, capacity)
		}
	})
}

func TestCallers(t *testing.T) {
	var cs Callers
	first, ok := cs.Join("web", 2)
	second, ok2 := cs.Join("web", 2)
	if !ok || !ok2 || first != second {
		t.Fatal("one caller is taken for two")
	}
	if _, ok := cs.Join("web", 2); ok {
		t.Error("a third connection is let in")
	}
	if _, ok := cs.Join("other", 2); !ok {
		t.Error("another caller is refused")
	}
	cs.Quit(second)
	if _, ok := cs.Join("web", 2); !ok {
		t.Error("a connection is refused in place of one that has ended")
	}
	cs.Quit(first)
	cs.Quit(first)
	if cs.Len() != 1 {
		t.Errorf("%d callers are left, want one", cs.Len())
	}
}

func TestCallersAreBounded(t *testing.T) {
	var cs Callers
	var all []*Caller
	for i := range mostCallers + 10 {
		c, ok := cs.Join(strconv.Itoa(i), 100)
		if !ok {
			t.Fatalf("caller %d is refused", i)
		}
		all = append(all, c)
	}
	if cs.Len() != mostCallers || cs.Crowded() != 10 || all[mostCallers] != all[mostCallers+9] {
		t.Errorf("%d are told apart, %d are not", cs.Len(), cs.Crowded())
	}
	for _, c := range all {
		cs.Quit(c)
	}
	if cs.Len() != 0 || cs.rest.connections != 0 {
		t.Errorf("%d callers and %d connections of others are left", cs.Len(), cs.rest.connections)
	}
}

func TestNoAllocations(t *testing.T) {
	g, c, b := NewGate(0, time.Second), &Caller{}, Bounds{All: Fixed(10), PerCaller: 1}
	if n := testing.AllocsPerRun(1000, func() { g.Enter(t.Context(), c, b); g.Leave(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNeverMoreThanTheBound(t *testing.T) {
	g, callers := NewGate(0, time.Millisecond), []*Caller{{}, {}, {}}
	var all sync.WaitGroup
	for i := range 8 {
		c := callers[i%3]
		all.Go(func() {
			for range 2000 {
				if g.Enter(t.Context(), c, Bounds{All: Fixed(4), PerCaller: 2}) == Entered {
					if n := g.Now(); n > 4 {
						t.Errorf("%d under way", n)
					}
					g.Leave(c)
				}
			}
		})
	}
	all.Wait()
	if g.Now() != 0 || g.active.Load() != 0 || g.waiting.Load() != 0 {
		t.Errorf("%d are left", g.Now())
	}
}

func BenchmarkEnter(b *testing.B) {
	g, c, bounds := NewGate(0, time.Second), &Caller{}, Bounds{All: Fixed(1000), PerCaller: 100}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if g.Enter(b.Context(), c, bounds) == Entered {
				g.Leave(c)
			}
		}
	})
}
