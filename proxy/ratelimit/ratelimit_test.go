package ratelimit

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestBucket(t *testing.T) {
	for _, tt := range []struct {
		c     Config
		burst int
		each  time.Duration
	}{
		{Config{Requests: 10, Unit: time.Second}, 10, 100 * time.Millisecond},
		{Config{Requests: 10, Unit: time.Second, Burst: 3}, 3, 100 * time.Millisecond},
		{Config{Requests: 1, Unit: time.Hour}, 1, time.Hour},
		{Config{Requests: 60, Unit: time.Minute, Burst: 100}, 100, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New(tt.c)
			for _, take := range []func() (bool, time.Duration){l.Take, func() (bool, time.Duration) { return l.TakeFor("a") }} {
				spend := func(want int) {
					t.Helper()
					for i := range want {
						if ok, _ := take(); !ok {
							t.Fatalf("%+v: refused at %d of %d", tt.c, i, want)
						}
					}
					if ok, wait := take(); ok || wait != tt.each {
						t.Fatalf("%+v: after %d: %v, wait %v, want %v", tt.c, want, ok, wait, tt.each)
					}
				}
				spend(tt.burst)
				time.Sleep(tt.each)
				spend(1)
				time.Sleep(2 * time.Duration(tt.burst) * tt.each) // it holds no more than a burst
				spend(tt.burst)
			}
		})
	}
}

func TestKeysDoNotShare(t *testing.T) {
	l := New(Config{Requests: 1, Unit: time.Hour})
	for _, key := range []string{"a", "b", ""} {
		if ok, _ := l.TakeFor(key); !ok {
			t.Errorf("%q: refused", key)
		}
		if ok, _ := l.TakeFor(key); ok {
			t.Errorf("%q: taken twice", key)
		}
	}
}

func TestStateIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Requests: 1, Unit: time.Minute})
		taken := 0
		const keys = 3 * shards * perShard
		for i := range keys {
			if ok, _ := l.TakeFor(strconv.Itoa(i)); ok {
				taken++
			}
		}
		kept := 0
		for i := range l.shards {
			kept += len(l.shards[i].buckets)
		}
		if kept > shards*perShard {
			t.Errorf("%d keys are kept", kept)
		}
		if taken > kept+1 || l.Crowded() != uint64(keys-kept) {
			t.Errorf("%d taken with %d kept, %d crowded: strangers share one bucket", taken, kept, l.Crowded())
		}
		time.Sleep(time.Minute) // all are full again, so there is room
		if ok, _ := l.TakeFor("new"); !ok {
			t.Error("no room for a new key")
		}
	})
}

func TestManyAtOnceGetNoMore(t *testing.T) {
	l := New(Config{Requests: 1000, Unit: time.Hour})
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				if ok, _ := l.Take(); ok {
					taken.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := taken.Load(); n != 1000 {
		t.Errorf("%d were taken of 1000", n)
	}
}

func TestNoAllocations(t *testing.T) {
	l := New(Config{Requests: 1 << 20, Unit: time.Second})
	l.TakeFor("web")
	if n := testing.AllocsPerRun(1000, func() { l.Take(); l.TakeFor("web") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTake(b *testing.B) {
	l := New(Config{Requests: 1 << 30, Unit: time.Second})
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			l.Take()
		}
	})
}

func BenchmarkTakeFor(b *testing.B) {
	l := New(Config{Requests: 1 << 30, Unit: time.Second})
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			l.TakeFor("mesh.local/ns/shop/sa/web")
		}
	})
}
