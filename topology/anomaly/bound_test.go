package anomaly

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestWilsonLower(t *testing.T) {
	tests := []struct {
		tally Tally
		z     float64
		want  float64
	}{
		{Tally{}, 3.09, 0},
		{Tally{10, 0}, 3.09, 0},
		{Tally{10, 5}, 1.96, 0.2366}, // textbook: 5 of 10 at 95 % is 0.237 to 0.763
		{Tally{100, 10}, 1.96, 0.0552},
		{Tally{10, 10}, 3.09, 0.5116},
	}
	for _, tt := range tests {
		if got := wilsonLower(tt.tally, tt.z); math.Abs(got-tt.want) > 5e-4 {
			t.Errorf("wilsonLower(%v, %v) = %.4f, want %.4f", tt.tally, tt.z, got, tt.want)
		}
	}
}

// TestTail compares with the sum over all terms, exactly.
func TestTail(t *testing.T) {
	exact := func(n, k int, p float64) float64 {
		sum := 0.0
		for i := k; i <= n; i++ {
			term := 1.0
			for j := range i {
				term *= float64(n-j) / float64(j+1) * p
			}
			sum += term * math.Pow(1-p, float64(n-i))
		}
		return sum
	}
	for _, n := range []int{10, 20, 50} {
		for k := 1; k <= n; k += 3 {
			for _, p := range []float64{0.002, 0.01, 0.2} {
				got, want := tail(Tally{uint64(n), uint64(k)}, p), exact(n, k, p)
				if float64(k) <= float64(n)*p {
					want = 1 // not in the tail
				}
				if math.Abs(got-want) > 1e-4*want {
					t.Errorf("tail(%d of %d, %v) = %v, want %v", k, n, p, got, want)
				}
			}
		}
	}
	if got := tail(Tally{10, 5}, 0); got != 0 {
		t.Errorf("what never happens, happened with chance %v", got)
	}
	if got := tail(Tally{1_000_000, 500_000}, 0.01); got != 0 {
		t.Errorf("far out: %v", got)
	}
}

func TestRead(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	edge := func(version, instance string, n, failed uint64, flags map[string]uint64) signal.Edge {
		return signal.Edge{
			Source: "web", SourceVersion: "v3", Destination: "pay", DestinationVersion: version, Instance: instance,
			Requests: n, Failed: failed, Flags: flags,
		}
	}
	outside := edge("v1", "a", 2, 1, map[string]uint64{"DC": 5})
	outside.Source = ""
	got := Read(at, []signal.Edge{
		edge("v1", "a", 10, 4, map[string]uint64{"UT": 1, "UO": 2}), edge("v1", "b", 10, 0, nil), edge("v2", "", 3, 3, map[string]uint64{"UF": 3}),
		edge("", "", 5, 5, map[string]uint64{"UH": 5}), outside,
	})
	pay := func(version, instance string) mesh.Target {
		return mesh.Target{Service: "pay", Version: mesh.Version(version), Instance: mesh.InstanceID(instance)}
	}
	want := Second{
		Time: at,
		In: map[mesh.Target]Tally{
			pay("v1", ""): {22, 2}, pay("v1", "a"): {12, 2}, pay("v1", "b"): {10, 0}, pay("v2", ""): {3, 3},
		},
		Out: map[mesh.Target]Tally{{Service: "web", Version: "v3"}: {28, 12}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
	if got := Sum([]Second{got, got}, pay("v1", "a")); got != (Tally{24, 4}) || math.Abs(got.Share()-1.0/6) > 1e-9 {
		t.Errorf("Sum = %v", got)
	}
}
