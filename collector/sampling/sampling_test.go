package sampling

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestThresholds(t *testing.T) {
	for _, tt := range []struct {
		share float64
		want  string
	}{
		{1, "0"},
		{2, "0"},
		{0.5, "8"},
		{0.25, "c"},
		{0.1, "e666"},
		{0.01, "fd70a"},
		{0.001, "ffbe77"},
		{MinShare, "ffff"},
		{0, "ffff"},
	} {
		got := Of(tt.share)
		if got.String() != tt.want {
			t.Errorf("%v is %s, want %s", tt.share, got, tt.want)
		}
		share := min(max(tt.share, MinShare), 1)
		if off := math.Abs(got.Share()/share - 1); off > 1e-3 {
			t.Errorf("%v is kept as %v", share, got.Share())
		}
		if w := got.Weight() * got.Share(); math.Abs(w-1) > 1e-12 {
			t.Errorf("%v: weight times share is %v", share, w)
		}
	}
}

func TestRead(t *testing.T) {
	const random = 0xe7_0000_0000_0001
	trace := [16]byte{8: 0xff, 9: 0xe7, 15: 1} // the eighth byte is not one of the seven
	for state, want := range map[string]State{
		"":                                  {0, random},
		"ot=th:0":                           {0, random},
		"ot=th:8":                           {8 << 52, random},
		"a=b, ot=x:y;th:e666;z:1 ,c=d":      {0xe666 << 40, random},
		"ot=rv:ffffffffffffff;th:ff":        {0xff << 48, math.MaxUint64 >> 8},
		"ot=rv:00000000000000;th:8":         {0, 0}, // not reached
		"ot=rv:ff;th:8":                     {8 << 52, random},
		"ot=th:f":                           {0, random}, // not reached
		"ot=th:":                            {0, random},
		"ot=th:+8":                          {0, random},
		"ot=th:E":                           {0, random},
		"ot=th:800000000000000":             {0, random},
		"vot=th:8,xot=th:8":                 {0, random},
		"ot=th:g;th:8,ot=th:c":              {8 << 52, random},
		"ot":                                {0, random},
		",,ot=th:8":                         {8 << 52, random},
		"dd=s:1;o:rum,ot=th:80000000000000": {8 << 52, random},
	} {
		if got := Read(state, trace); got != want {
			t.Errorf("%q is %x, want %x", state, got, want)
		}
	}
}

func TestWith(t *testing.T) {
	for state, want := range map[string]string{
		"":                        "ot=th:c",
		"a=b":                     "ot=th:c,a=b",
		"a=b,ot=th:8,c=d":         "ot=th:c,a=b,c=d",
		"ot=rv:1;th:8;x:y":        "ot=th:c;rv:1;x:y",
		"ot=th;x":                 "ot=th:c;x",
		" a=b , ot=th:8 ":         "ot=th:c,a=b",
		"ot=th:8,congo=t61rcWkgM": "ot=th:c,congo=t61rcWkgM",
	} {
		if got := With(state, Of(0.25)); got != want {
			t.Errorf("%q becomes %q, want %q", state, got, want)
		}
	}
}

// What is kept, times what it stands for, is what there was.
func TestWeightsAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, share := range []float64{1, 0.3, 0.01} {
		threshold, sum := Of(share), 0.0
		const n = 200_000
		for range n {
			if threshold.Keeps(r.Uint64() & (all - 1)) {
				sum += threshold.Weight()
			}
		}
		if off := math.Abs(sum/n - 1); off > 4*math.Sqrt((1/share-1)/n) {
			t.Errorf("share %v: %v traces of %v", share, sum, n)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("a=b,ot=rv:ffffffffffffff;th:8,c=d", uint64(1))
	f.Fuzz(func(t *testing.T, state string, share uint64) {
		trace := [16]byte{9: 0xff, 10: 0xff, 11: 0xff}
		s := Read(state, trace)
		if !s.Threshold.Keeps(s.Randomness) || s.Threshold.Weight() < 1 {
			t.Fatalf("%q is %x", state, s)
		}
		own := Threshold(share % all)
		again := Read(With(state, own), trace)
		if own.Keeps(s.Randomness) && again.Threshold != own || again.Randomness != s.Randomness {
			t.Errorf("%q with %s is read as %x, was %x", state, own, again, s)
		}
	})
}
