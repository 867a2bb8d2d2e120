package cores

import (
	"context"
	"runtime"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	// step is a share of one CPU used for a while, and how many CPUs there are then.
	type step struct {
		share float64
		lasts time.Duration
		want  int
	}
	for _, tt := range []struct {
		name  string
		most  int
		steps []step
	}{
		{"idle stays at one", 2, []step{{0, time.Minute, 1}}},
		{"moderate stays at one", 2, []step{{0.7, time.Minute, 1}}},
		{"busy takes another at once", 2, []step{{0.8, every, 2}}},
		{"no more than most", 2, []step{{2, time.Minute, 2}}},
		{"one by one", 4, []step{{1, every, 2}, {2, every, 3}, {3, every, 4}, {4, every, 4}}},
		{"no more than it is busy for", 4, []step{{1.2, time.Minute, 2}}},
		{"gives back after a while", 2, []step{{1, every, 2}, {0.4, 4 * time.Second, 2}, {0.4, time.Second, 1}}},
		{"a burst begins the while anew", 2, []step{
			{1, every, 2}, {0.4, 4 * time.Second, 2}, {0.6, every, 2}, {0.4, 4 * time.Second, 2}, {0.4, time.Second, 1},
		}},
		{"does not swing", 2, []step{{1, every, 2}, {0.6, time.Minute, 2}}},
		{"one by one back", 3, []step{{1, every, 2}, {2, every, 3}, {0, patience, 2}, {0, patience, 1}, {0, patience, 1}}},
		{"most of one", 1, []step{{1, time.Minute, 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := governor{most: tt.most, now: 1}
			for i, s := range tt.steps {
				got := 0
				for past := time.Duration(0); past < s.lasts; past += every {
					got = g.next(time.Duration(s.share*float64(every)), every)
				}
				if got != s.want {
					t.Fatalf("step %d: %d CPUs, want %d", i+1, got, s.want)
				}
			}
		})
	}
}

// TestFollow has the process work until it gets its second CPU.
func TestFollow(t *testing.T) {
	before := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(before)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Follow(ctx, 2) }()
	seen, late := false, time.Now().Add(time.Minute)
	for n := 0; !seen || runtime.GOMAXPROCS(0) != 2; n++ {
		seen = seen || runtime.GOMAXPROCS(0) == 1
		if time.Now().After(late) {
			t.Fatalf("GOMAXPROCS is %d after a minute of work; began with 1: %t", runtime.GOMAXPROCS(0), seen)
		}
		for range 1000 {
			n++
		}
		runtime.Gosched()
	}
	cancel()
	if err := <-done; err != nil || runtime.GOMAXPROCS(0) != 2 {
		t.Errorf("GOMAXPROCS %d at the end, %v", runtime.GOMAXPROCS(0), err)
	}
}
