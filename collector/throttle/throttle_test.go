package throttle

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func small() limits.Config {
	return limits.Config{
		Tenant: limits.Rates{
			Traces:  limits.Rate{Items: 100, Bytes: 1000, Burst: limits.Duration(2 * time.Second)},
			Metrics: limits.Rate{Items: limits.None, Bytes: limits.None},
		},
		Tenants: map[string]limits.Rates{"large": {Traces: limits.Rate{Items: 1000, Bytes: limits.None}}},
	}.WithDefaults()
}

func of(tenant string, items, bytes int) []Charge {
	return []Charge{{Tenant: tenant, Items: items, Bytes: bytes}}
}

func TestBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New(small())
		if r := th.Take("traces", of("shop", 200, 500)); r != nil {
			t.Fatalf("the burst: %v", r)
		}
		r := th.Take("traces", of("shop", 150, 0))
		want := &RefusedError{Tenant: "shop", Signal: "traces", Reason: TooManyItems, Limit: 100, Wait: 2 * time.Second} // 1.5 s
		if diff := cmp.Diff(want, r); diff != "" {
			t.Error(diff)
		}
		if r := th.Take("traces", of("other", 200, 2000)); r != nil {
			t.Errorf("another tenant: %v", r)
		}
		if r := th.Take("logs", of("shop", 200, 2000)); r != nil {
			t.Errorf("another signal: %v", r)
		}
		time.Sleep(want.Wait)
		if r := th.Take("traces", of("shop", 150, 100)); r != nil {
			t.Errorf("after the wait: %v", r)
		}
		if r := th.Take("traces", of("shop", 1, 5000)); r == nil || r.Reason != TooManyBytes || r.Limit != 1000 {
			t.Errorf("too many bytes: %v", r)
		}
	})
}

// A refused request costs nothing, or who comes again in vain would never get through.
func TestRefusedCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New(small())
		_ = th.Take("traces", of("shop", 200, 2000))
		for range 1000 {
			_ = th.Take("traces", append(of("shop", 100, 1000), Charge{Tenant: "other", Items: 200, Bytes: 2000}))
		}
		if r := th.Take("traces", of("other", 200, 2000)); r != nil {
			t.Errorf("the one that had enough: %v", r)
		}
		time.Sleep(time.Second)
		if r := th.Take("traces", of("shop", 100, 1000)); r != nil {
			t.Errorf("the one that had not, a second later: %v", r)
		}
	})
}

// More than a bucket holds must pass at some time: its sender cannot split it.
func TestLargerThanTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New(small())
		if r := th.Take("traces", of("shop", 100_000, 1_000_000)); r != nil {
			t.Errorf("a full bucket: %v", r)
		}
		if r := th.Take("traces", of("shop", 100_000, 1_000_000)); r == nil || r.Wait != 2*time.Second {
			t.Errorf("an empty one: %v", r)
		}
	})
}

func TestNoLimitAndOneOfItsOwn(t *testing.T) {
	th := New(small())
	for range 100 {
		if r := th.Take("metrics", of("shop", 1_000_000, 1<<30)); r != nil {
			t.Fatal(r)
		}
	}
	if r := th.Take("traces", of("large", 10_000, 1<<30)); r != nil { // 10 s of 1,000
		t.Error(r)
	}
}

func TestTenantsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New(small())
		refused := 0
		for i := range 2 * mostTenants {
			c := Charge{Tenant: fmt.Sprintf("claimed/%d", i), Claimed: true, Items: 100}
			if th.Take("traces", []Charge{c}) != nil {
				refused++
			}
		}
		if got := 2*mostTenants - mostClaimed - 2; refused != got { // two share what the others have
			t.Errorf("%d refused, want %d", refused, got)
		}
		for i := range 2 * mostTenants {
			_ = th.Take("traces", of(strconv.Itoa(i), 1, 1))
		}
		if got := len(th.tenants); got != mostTenants {
			t.Errorf("%d tenants are told apart", got)
		}
		time.Sleep(2 * idle)
		_ = th.Take("traces", of("shop", 1, 1))
		if got := th.Books(); len(got) != 1 || th.claimed != 0 {
			t.Errorf("%d are remembered that send no more, %d claimed", len(got)-1, th.claimed)
		}
	})
}

func TestBooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New(small())
		_ = th.Take("traces", of("shop", 200, 300))
		_ = th.Take("traces", of("shop", 200, 300))
		_ = th.Take("logs", []Charge{{Tenant: "claimed/x", Claimed: true, Items: 5, Bytes: 50}})
		want := []signal.Tenant{
			{Tenant: "claimed/x", Claimed: true, Signal: "logs", Taken: 5, TakenBytes: 50, Refused: map[string]uint64{}},
			{Tenant: "shop", Signal: "traces", Taken: 200, TakenBytes: 300, Refused: map[string]uint64{TooManyItems: 200}},
		}
		if diff := cmp.Diff(want, th.Books()); diff != "" {
			t.Error(diff)
		}
	})
}

// What is given back can be taken again, and no more than that: buckets hold what they hold.
func TestGiveBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New(small())
		for _, taken := range of("shop", 200, 2000) {
			for range 3 {
				if r := th.Take("traces", []Charge{taken}); r != nil {
					t.Fatalf("what was given back: %v", r)
				}
				th.GiveBack("traces", taken)
			}
			if b := th.Books()[0]; b.Taken != 0 || b.TakenBytes != 0 {
				t.Errorf("%+v", b)
			}
			_ = th.Take("traces", []Charge{taken})
			time.Sleep(time.Second) // half of it is there again
			th.GiveBack("traces", taken)
			_ = th.Take("traces", []Charge{taken})
			if r := th.Take("traces", of("shop", 100, 0)); r == nil {
				t.Error("more was given back than a bucket holds")
			}
		}
		th.GiveBack("metrics", Charge{Tenant: "shop", Items: 1, Bytes: 1}) // that has no limit, and took nothing
		for _, b := range th.Books() {
			if b.Signal == "metrics" && (b.Taken != 0 || b.TakenBytes != 0) {
				t.Errorf("%+v", b)
			}
		}
	})
}

func TestRefusalSaysWhatToDo(t *testing.T) {
	r := &RefusedError{Tenant: "shop", Signal: "traces", Reason: TooManyBytes, Limit: 1000, Wait: 2 * time.Second}
	want := `tenant "shop" sends more than 1000 bytes of traces a second; come again in 2s, or raise traces.bytes in the collector's limits`
	if got := r.Error(); got != want || strings.Contains(got, "items") {
		t.Errorf("%s", got)
	}
}
