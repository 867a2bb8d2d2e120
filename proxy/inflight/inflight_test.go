package inflight

import (
	"strconv"
	"sync"
	"testing"
)

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		c    Config
		keys []string
		want []Verdict
	}{
		{Config{}, []string{"a", "a", "b"}, []Verdict{Entered, Entered, Entered}},
		{Config{All: 2}, []string{"a", "a", "b"}, []Verdict{Entered, Entered, Full}},
		{Config{PerKey: 1}, []string{"a", "a", "b"}, []Verdict{Entered, KeyFull, Entered}},
		{Config{All: 2, PerKey: 1}, []string{"a", "a", "b", "c"}, []Verdict{Entered, KeyFull, Entered, Full}},
	} {
		l := New(tt.c)
		for round := range 2 { // all leave, and it is as before
			var in []string
			for i, key := range tt.keys {
				got := l.Enter(key)
				if got != tt.want[i] {
					t.Errorf("%+v, round %d: %d of %v: %v, want %v", tt.c, round, i, tt.keys, got, tt.want[i])
				}
				if got == Entered {
					in = append(in, key)
				}
			}
			if l.Now() != len(in) {
				t.Errorf("%+v: %d under way, want %d", tt.c, l.Now(), len(in))
			}
			for _, key := range in {
				l.Leave(key)
			}
		}
		for i := range l.shards {
			for key, n := range l.shards[i].counts {
				if *n != 0 {
					t.Errorf("%+v: %d of %s are left", tt.c, *n, key)
				}
			}
		}
	}
}

func TestKeysThatHaveLeftAreForgotten(t *testing.T) {
	l := New(Config{PerKey: 1})
	for i := range 20 * shards * idle {
		key := strconv.Itoa(i)
		l.Enter(key)
		l.Leave(key)
	}
	kept := 0
	for i := range l.shards {
		kept += len(l.shards[i].counts)
	}
	if kept > shards*idle {
		t.Errorf("%d keys are kept", kept)
	}
}

func TestNoAllocations(t *testing.T) {
	l := New(Config{All: 10, PerKey: 1})
	l.Enter("web")
	l.Leave("web")
	if n := testing.AllocsPerRun(1000, func() { l.Enter("web"); l.Leave("web") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNeverMoreThanTheLimit(t *testing.T) {
	l := New(Config{All: 4, PerKey: 2})
	var all sync.WaitGroup
	for g := range 8 {
		key := strconv.Itoa(g % 3)
		all.Go(func() {
			for range 2000 {
				if l.Enter(key) == Entered {
					if n := l.Now(); n > 4+8 { // each goroutine may be about to find that it is too many
						t.Errorf("%d under way", n)
					}
					l.Leave(key)
				}
			}
		})
	}
	all.Wait()
	if l.Now() != 0 {
		t.Errorf("%d are left", l.Now())
	}
}

func BenchmarkEnter(b *testing.B) {
	l := New(Config{All: 1000, PerKey: 100})
	l.Enter("mesh.local/ns/shop/sa/web")
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if l.Enter("mesh.local/ns/shop/sa/web") == Entered {
				l.Leave("mesh.local/ns/shop/sa/web")
			}
		}
	})
}
