package upstream

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/route"
)

// TestChooseKeepsItsPromise draws splits at random and checks what choose promises of
// each: a destination on probation gets exactly its part of its usual traffic, the rest
// goes by weight to those that may have everything, and is refused where there are none.
func TestChooseKeepsItsPromise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) // the same splits in every run
	for range 100 {
		n := 1 + r.IntN(5)
		dests, shares := make([]route.Destination, n), make([]float64, n)
		var total, partial, whole float64
		for i := range dests {
			dests[i].Weight = 1 + r.Uint32N(100)
			shares[i] = []float64{0, 0.1, 0.5, 1, 1}[r.IntN(5)]
			w := float64(dests[i].Weight)
			total += w
			if shares[i] < 1 {
				partial += w * shares[i]
			} else {
				whole += w
			}
		}
		const steps = 5000
		got := make([]float64, n+1)
		for s := range steps {
			chosen := choose(dests, shares, (float64(s)+0.5)/steps)
			if chosen < 0 {
				chosen = n
			}
			got[chosen] += 1.0 / steps
		}
		for i := range dests {
			want := float64(dests[i].Weight) / total * shares[i]
			if shares[i] >= 1 {
				want = (1 - partial/total) * float64(dests[i].Weight) / whole
			}
			if math.Abs(got[i]-want) > 0.001 {
				t.Fatalf("weights %v, shares %v: destination %d got %.4f, want %.4f", dests, shares, i, got[i], want)
			}
		}
		if whole > 0 && got[n] > 0 {
			t.Fatalf("weights %v, shares %v: %.4f refused though there was room", dests, shares, got[n])
		}
	}
}

// TestPositionsFillTheLineEvenly is what makes weights exact: after n draws no stretch
// of [0, 1) is off by more than a few draws.
func TestPositionsFillTheLineEvenly(t *testing.T) {
	s := New(Deps{})
	const n = 1000
	var tenths [10]int
	for range n {
		p := s.position()
		if p < 0 || p >= 1 {
			t.Fatalf("position %v", p)
		}
		tenths[int(p*10)]++
	}
	for i, got := range tenths {
		if got < n/10-3 || got > n/10+3 {
			t.Errorf("tenth %d got %d of %d draws", i, got, n)
		}
	}
}
