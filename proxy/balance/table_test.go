package balance

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

var tables = map[string]func(names []string) Table{
	"ring":   func(n []string) Table { return NewRing(n, 0) },
	"maglev": func(n []string) Table { return NewMaglev(n, 0) },
}

func namesOf(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("10.0.%d.%d:15006", i/256, i%256)
	}
	return out
}

// but is n places that are able, but for those not.
func but(n int, not ...int) []bool {
	out := make([]bool, n)
	for i := range out {
		out[i] = !slices.Contains(not, i)
	}
	return out
}

// owners are the names that keys go to.
func owners(t Table, names []string, able []bool) []string {
	out := make([]string, keys)
	for k := range out {
		if at := t.Pick(Hash(fmt.Sprint("user-", k)), able); at >= 0 {
			out[k] = names[at]
		}
	}
	return out
}

func moved(a, b []string) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

const keys = 8000

func TestTablesSpreadKeys(t *testing.T) {
	for name, make := range tables {
		names := namesOf(10)
		got := map[string]int{}
		for _, o := range owners(make(names), names, but(len(names))) {
			got[o]++
		}
		for _, n := range names {
			if got[n] < keys/10*7/10 || got[n] > keys/10*13/10 {
				t.Errorf("%s: %s has %d of %d keys, want about a tenth", name, n, got[n], keys)
			}
		}
	}
}

func TestTablesDoNotDependOnTheOrder(t *testing.T) {
	for name, make := range tables {
		names := namesOf(7)
		other := slices.Clone(names)
		slices.Reverse(other)
		if n := moved(owners(make(names), names, but(len(names))), owners(make(other), other, but(len(other)))); n != 0 {
			t.Errorf("%s: %d keys differ between senders that list the places in another order", name, n)
		}
	}
}

func TestAPlaceThatIsNotAbleMovesItsOwnKeysOnly(t *testing.T) {
	for name, make := range tables {
		names := namesOf(10)
		table := make(names)
		before := owners(table, names, but(10))
		after := owners(table, names, but(10, 3))
		spread := map[string]int{}
		for k := range before {
			switch {
			case before[k] != names[3] && after[k] != before[k]:
				t.Fatalf("%s: key %d moved from %s, which is well", name, k, before[k])
			case before[k] == names[3]:
				spread[after[k]]++
			}
		}
		if len(spread) != 9 || spread[names[3]] > 0 {
			t.Errorf("%s: the keys of one place went to %v, want some at each other", name, spread)
		}
		if back := moved(before, owners(table, names, but(10))); back != 0 {
			t.Errorf("%s: %d keys did not come back", name, back)
		}
	}
}

// TestMinimalDisruption: of n places, one that comes or goes should move about 1/n of
// the keys. Maglev gives up a little of that for its even shares.
func TestMinimalDisruption(t *testing.T) {
	for name, make := range tables {
		for _, n := range []int{2, 10} {
			ten, eleven := namesOf(n), namesOf(n+1)
			few, more := owners(make(ten), ten, but(n)), owners(make(eleven), eleven, but(n+1))
			ideal := float64(keys) / float64(n+1)
			got := float64(moved(few, more))
			if most := ideal*1.35 + keys*0.02; got > most || got < ideal*0.6 {
				t.Errorf("%s: place %d moved %.0f of %d keys, want about %.0f", name, n+1, got, keys, ideal)
			}
		}
	}
}

func TestNobodyIsAble(t *testing.T) {
	for name, make := range tables {
		if got := make(namesOf(5)).Pick(7, []bool{false, false, false, false, false}); got != -1 {
			t.Errorf("%s: picked %d", name, got)
		}
		if got := make(nil).Pick(7, nil); got != -1 {
			t.Errorf("%s: picked %d of none", name, got)
		}
		only := [200]bool{199: true}
		if got := make(namesOf(200)).Pick(7, only[:]); got != 199 {
			t.Errorf("%s: picked %d, only 199 is able", name, got)
		}
	}
}

func TestRingHasItsLeastSize(t *testing.T) {
	for _, tt := range []struct{ places, least, want int }{
		{1, 0, 1024}, {3, 0, 3072}, {64, 0, 65536}, {65, 0, 33280}, {5000, 0, 40000}, {4, 100000, 131072},
	} {
		if got := len(NewRing(namesOf(tt.places), tt.least).points); got != tt.want {
			t.Errorf("%d places, least %d: %d points, want %d", tt.places, tt.least, got, tt.want)
		}
	}
}

func TestMaglevSharesAreEven(t *testing.T) {
	count := map[int32]int{}
	for _, place := range NewMaglev(namesOf(7), 0).entries {
		count[place]++
	}
	for place, n := range count {
		if math.Abs(float64(n)-DefaultMaglev/7.0) > 1 {
			t.Errorf("place %d has %d entries", place, n)
		}
	}
}

// TestHashIsStable: sidecars of different builds share keys, so it may never change.
func TestHashIsStable(t *testing.T) {
	for in, want := range map[string]uint64{"": 0xf52a15e9a9b5e89b, "user-1": Hash("user-1")} {
		if got := Hash(in); got != want {
			t.Errorf("Hash(%q) = %#x, want %#x", in, got, want)
		}
	}
}

func BenchmarkTable(b *testing.B) {
	for name, make := range tables {
		for _, n := range []int{2, 100, 5000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				table, able := make(namesOf(n)), but(n)
				b.ReportAllocs()
				for k := uint64(0); b.Loop(); k++ {
					table.Pick(mix(k), able)
				}
			})
		}
	}
}
