package cardinality

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// admit asks for n keys of a part, from a number on, and counts how many had room.
func admit(k *Keys, group string, part, from, n int) (room int, last Full) {
	for i := range n {
		last = k.Admit(Key{Group: group, Part: uint64(part), Hash: uint64(part)<<32 | uint64(from+i)})
		if last == Room {
			room++
		}
	}
	return room, last
}

func TestEachLimitHolds(t *testing.T) {
	tests := map[string]struct {
		limits Limits
		room   int
		full   Full
	}{
		"none":             {Limits{}, 100, Room},
		"of a part":        {Limits{Part: 10, Group: 50, All: 70}, 10, Part},
		"of a group":       {Limits{Part: 60, Group: 50, All: 70}, 50, Group},
		"of all":           {Limits{Part: 60, Group: 80, All: 40}, 40, All},
		"exactly so many":  {Limits{Part: 100, Group: 100, All: 100}, 100, Room},
		"one is the least": {Limits{Part: 1}, 1, Part},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := New(tt.limits, time.Hour)
			if room, full := admit(k, "shop", 1, 0, 100); room != tt.room || full != tt.full {
				t.Errorf("%d had room, then %v; want %d, %v", room, full, tt.room, tt.full)
			}
			if room, _ := admit(k, "shop", 1, 0, tt.room); room != tt.room {
				t.Errorf("%d of %d that counted do so no more", tt.room-room, tt.room)
			}
			if got := k.Count("shop"); got != tt.room {
				t.Errorf("counts %d, want %d", got, tt.room)
			}
		})
	}
}

func TestOneGroupLeavesTheOthersTheirRoom(t *testing.T) {
	k := New(Limits{Part: 10, Group: 20}, time.Hour)
	for part := range 100 {
		admit(k, "flood", part, 0, 100)
	}
	if got := k.Count("flood"); got != 20 {
		t.Errorf("the flood counts %d", got)
	}
	if room, full := admit(k, "shop", 1, 0, 10); room != 10 {
		t.Errorf("the other has room for %d, then %v", room, full)
	}
}

func TestWeight(t *testing.T) {
	k := New(Limits{Group: 10}, time.Hour)
	for i, want := range []Full{Room, Room, Group, Room} { // 4, 8, would be 12, 10
		weight := []int{4, 4, 4, 2}[i]
		if got := k.Admit(Key{Group: "g", Hash: uint64(i), Weight: weight}); got != want {
			t.Errorf("key %d: %v, want %v", i, got, want)
		}
	}
}

// What is used stays however many others ask; what is not makes room after two windows at
// the most.
func TestTimeMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(Limits{Part: 10}, time.Hour)
		admit(k, "g", 1, 0, 10)
		for range 24 { // half an hour each
			time.Sleep(30 * time.Minute)
			if room, _ := admit(k, "g", 1, 0, 5); room != 5 {
				t.Fatalf("%d of 5 in use have room", room)
			}
			admit(k, "g", 1, 1000, 100)
		}
		if got := k.Count("g"); got != 10 {
			t.Errorf("counts %d", got)
		}
		time.Sleep(2 * time.Hour)
		admit(k, "other", 1, 0, 1)
		time.Sleep(time.Hour)
		admit(k, "other", 1, 0, 1)
		if got := k.Count("g"); got != 0 {
			t.Errorf("%d are remembered that nobody uses", got)
		}
		if got := len(k.groups); got != 1 {
			t.Errorf("%d groups", got)
		}
	})
}

func TestTurnWraps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(Limits{Part: 1}, time.Minute)
		for range 1<<16 + 3 {
			time.Sleep(time.Minute)
			if k.Admit(Key{Group: "g", Hash: 1}) != Room {
				t.Fatal("a key in use has no room")
			}
		}
	})
}

func BenchmarkAdmit(b *testing.B) {
	for _, keys := range []int{100, 100_000} {
		b.Run(strconv.Itoa(keys), func(b *testing.B) {
			k := New(Limits{Part: 1 << 20}, time.Hour)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				k.Admit(Key{Group: "shop", Part: 1, Hash: uint64(i%keys) * 0x9e3779b97f4a7c15})
			}
		})
	}
}
