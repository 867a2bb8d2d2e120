package loop_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFault injects a fault into one of two versions and holds the loop to the time
// it may take: a verdict within 4 s, released within 15 s of the end.
func TestFault(t *testing.T) {
	for _, rps := range []float64{10, 20, 40, 100} {
		for _, share := range []float64{1, 0.5} {
			for _, breaker := range []int{0, 7} {
				t.Run(fmt.Sprintf("%vrps_%v%%_breaker%d", rps, 100*share, breaker), func(t *testing.T) {
					worst := result{}
					for seed := range uint64(8) {
						m := &model{rps: rps, delay: 900 * time.Millisecond, breaker: breaker, random: rand.New(rand.NewPCG(seed, 1))}
						got := play(t, m, share, time.Duration(seed)*125*time.Millisecond)
						worst = worst.orWorse(got)
					}
					t.Logf("worst of 8: tripped after %.1f s, released after %.1f s, %d failed", worst.tripped, worst.released, worst.failed)
					mitigate, release := 4.0, 15.0
					if rps < 20 {
						mitigate, release = 8, 20 // 5 requests a second to the target: evidence takes its time
					}
					if worst.tripped < 0 || worst.tripped > mitigate || worst.released < 0 || worst.released > release {
						t.Errorf("want tripped within %v s and released within %v s", mitigate, release)
					}
				})
			}
		}
	}
}

type result struct {
	tripped, released float64 // seconds after the fault's beginning and end; -1 is never
	failed            int
}

func (r result) orWorse(o result) result {
	worse := func(a, b float64) float64 {
		if a < 0 || b < 0 {
			return -1
		}
		return max(a, b)
	}
	return result{worse(r.tripped, o.tripped), worse(r.released, o.released), max(r.failed, o.failed)}
}

// play runs 30 s of calm, 30 s of fault and 30 s of calm.
func play(t *testing.T, m *model, share float64, phase time.Duration) (out result) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(phase)
		m.start(t)
		time.Sleep(30*time.Second + 330*time.Millisecond)
		begin := time.Now()
		m.setFault(share)
		time.Sleep(30 * time.Second)
		end := time.Now()
		m.setFault(0)
		time.Sleep(30 * time.Second)
		failed, events := m.seen()
		out = result{tripped: -1, released: -1, failed: failed}
		if s, ok := m.first(mesh.EventTripped, begin); ok {
			out.tripped = s
		}
		if len(m.inForce()) == 0 {
			for _, e := range events {
				if e.Kind == mesh.EventReleased {
					out.released = max(e.Time.Sub(end).Seconds(), 0)
				}
			}
		}
		for _, e := range events {
			if e.Kind == mesh.EventTripped && (e.Target.Version != "v2" || e.Target.Service != "payments") {
				t.Errorf("tripped %s: %s", e.Target, e.Summary)
			}
		}
	})
	return out
}

// TestCalm runs an hour of background errors for each rate and share.
func TestCalm(t *testing.T) {
	if testing.Short() {
		t.Skip("an hour of fake time takes seconds of real time")
	}
	for _, usual := range []float64{0, 0.001, 0.01} {
		t.Run(fmt.Sprintf("%v%%", 100*usual), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &model{rps: 20, delay: 900 * time.Millisecond, breaker: 7, usual: usual, random: rand.New(rand.NewPCG(7, 7))}
				m.start(t)
				time.Sleep(time.Hour)
				for _, e := range m.events {
					t.Errorf("%s: %s", e.Kind, e.Summary)
				}
			})
		})
	}
}
