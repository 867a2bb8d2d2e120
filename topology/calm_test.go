package topology

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/topology/anomaly"
)

// TestCalm looks for days at services whose requests fail at random, up to 1 %, at
// rates from one request in three seconds to two hundred a second, and wants no
// anomaly. SIGHTLINE_CALM_DAYS sets for how many days each.
func TestCalm(t *testing.T) {
	days := 0.2
	if testing.Short() {
		days = 0.02
	}
	if s := os.Getenv("SIGHTLINE_CALM_DAYS"); s != "" {
		if _, err := fmt.Sscan(s, &days); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	var services []signal.Edge
	var means [][2]float64
	for _, rate := range []float64{0.3, 2, 4, 7, 10, 20, 50, 200} {
		for _, share := range []float64{0.001, 0.005, 0.01} {
			name := fmt.Sprintf("s%v-%v", rate, share)
			services = append(services, signal.Edge{Destination: name, DestinationVersion: "v1"})
			means = append(means, [2]float64{rate, share})
		}
	}
	o := newObserver(anomaly.Default(), 10*time.Minute)
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	found := 0
	for range int(days * 86400) {
		for i := range services {
			services[i].Requests = poisson(random, means[i][0])
			services[i].Failed = 0
			for range services[i].Requests {
				if random.Float64() < means[i][1] {
					services[i].Failed++
				}
			}
		}
		o.put(anomaly.Read(now, services))
		now = now.Add(time.Second)
		seen, _ := o.look(now, nil)
		for _, s := range seen {
			found++
			t.Logf("%s: %s", now.Format(time.DateTime), s.Anomaly.Detail)
		}
	}
	targetDays := days * float64(len(services))
	t.Logf("%d looks with an anomaly in %.0f target-days", found, targetDays)
	if float64(found) > targetDays/50 {
		t.Errorf("%d false anomalies in %.0f target-days, want at most one in fifty", found, targetDays)
	}
}

func poisson(random *rand.Rand, mean float64) uint64 {
	if mean > 50 {
		return uint64(max(0, math.Round(mean+math.Sqrt(mean)*random.NormFloat64())))
	}
	n, p, limit := uint64(0), random.Float64(), math.Exp(-mean)
	for ; p > limit; n++ {
		p *= random.Float64()
	}
	return n
}
