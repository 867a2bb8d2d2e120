package balance

import (
	"fmt"
	"testing"
	"time"
)

func BenchmarkPick(b *testing.B) {
	for name, m := range map[string]Method{"ewma": PeakEWMA, "least": LeastRequest, "turns": RoundRobin, "random": Random} {
		for _, n := range []int{2, 100, 5000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				bal, loads, now := New(m, Warmup{}), newLoads(n), time.Now()
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						bal.Pick(now, loads)
					}
				})
			})
		}
	}
}
