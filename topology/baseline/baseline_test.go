package baseline_test

import (
	"math"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/baseline"
)

func TestUsual(t *testing.T) {
	start := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	target := mesh.Target{Service: "pay", Version: "v1"}
	b := baseline.New(10 * time.Minute)
	want := func(what string, share, tolerance float64) {
		t.Helper()
		if got := b.Usual(target); math.Abs(got-share) > tolerance {
			t.Errorf("%s: usual share %.4f, want %.4f", what, got, share)
		}
	}
	want("at first", 0.01, 0)
	b.Learn(target, start, 1, 1)
	want("one early failure", 0.015, 0.001)
	at := start
	run := func(d time.Duration, requests, failed uint64) {
		for range int(d.Seconds()) {
			at = at.Add(time.Second)
			b.Learn(target, at, requests, failed)
		}
	}
	run(time.Hour, 100, 4)
	want("after an hour at 4 %", 0.04, 0.001)
	run(time.Minute, 100, 0)
	want("a good minute later", 0.036, 0.001)
	run(time.Hour, 100, 0)
	want("after a good hour", 0, 0.001)
	if got := b.Usual(mesh.Target{Service: "pay"}); got != 0.01 {
		t.Errorf("another target: %v", got)
	}
}

func TestDrop(t *testing.T) {
	start := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	b := baseline.New(time.Minute)
	old, recent := mesh.Target{Service: "old"}, mesh.Target{Service: "recent"}
	b.Learn(old, start, 1000, 500)
	b.Learn(recent, start.Add(10*time.Minute), 1000, 500)
	b.Learn(recent, start, 0, 0) // late: must not turn time back
	b.Drop(start.Add(10 * time.Minute))
	if b.Usual(old) != 0.01 || b.Usual(recent) < 0.4 {
		t.Errorf("old %v, recent %v; want only the recent one", b.Usual(old), b.Usual(recent))
	}
}
