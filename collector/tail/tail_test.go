package tail

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/collector/sampling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, c Config) *Tail {
	t.Helper()
	tail, err := New(c)
	if err == nil {
		err = tail.Load()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tail.Close(); err != nil {
			t.Error(err)
		}
	})
	return tail
}

// id is a trace of a randomness.
func id(n, randomness uint64) (trace TraceID) {
	binary.BigEndian.PutUint64(trace[:8], n+1)
	binary.BigEndian.PutUint64(trace[8:], randomness)
	return trace
}

const route = 7

func (t *Tail) told(at time.Time, spans ...Span) { t.Note(slices.Values(spans), at) }

// low is the randomness that no share but 1 keeps.
const low = 0

func TestWhatIsKept(t *testing.T) {
	const ms = int64(time.Millisecond)
	at := time.Unix(1_000_000, 0)
	for name, tt := range map[string]struct {
		spans []Span
		want  bool
	}{
		"ordinary":           {[]Span{{Route: route, Root: true, Start: 1, Duration: 10 * ms}}, false},
		"an error":           {[]Span{{}, {Failed: true}}, true},
		"marked":             {[]Span{{Marked: true}, {}}, true},
		"slow":               {[]Span{{Route: route, Root: true, Start: 1, Duration: 100 * ms}}, true},
		"slow inside":        {[]Span{{Route: route, Start: 2, Duration: 100 * ms}, {Route: route, Root: true, Start: 1, Duration: 10 * ms}}, false},
		"slow, told earlier": {[]Span{{Route: route, Root: true, Start: 2, Duration: 100 * ms}, {Route: route, Start: 1, Duration: 10 * ms}}, true},
		"slow, its root is elsewhere": {
			[]Span{{Route: route, Start: 3, Duration: 10 * ms}, {Route: route, Start: 2, Duration: 100 * ms}, {Route: route, Start: 4, Duration: 10 * ms}}, true,
		},
		"another route, of which nothing is known": {[]Span{{Route: route + 1, Root: true, Duration: 100 * ms}}, false},
		"no request at all":                        {[]Span{{Duration: 100 * ms}}, false},
	} {
		tail := open(t, Config{Budget: 1})
		for n := range uint64(1000) { // many, so that the share is low, of 5 to 15 ms
			tail.told(at, Span{Trace: id(n, 1), Route: route, Root: true, Start: 1, Duration: 5*ms + int64(n%100)*ms/10})
		}
		trace := id(5000, low)
		for _, span := range tt.spans {
			span.Trace = trace
			tail.told(at, span)
		}
		if got := tail.Judge(trace, ""); got.Keep != tt.want || got.Threshold != 0 {
			t.Errorf("%s: %+v, want %v", name, got, tt.want)
		}
	}
}

// As many a second as the budget says are kept, however many come, and what they stand for
// is how many came.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const budget, wait = 50, 8
		tail := open(t, Config{Budget: budget})
		r := rand.New(rand.NewPCG(1, 2))
		var began [][]TraceID
		came, weight, variance := 0, 0.0, 0.0
		for second := range 120 {
			n := []int{20, 1000, 5000, 300}[second/30]
			var now []TraceID
			for range n {
				trace := id(r.Uint64(), r.Uint64())
				now = append(now, trace)
				tail.told(time.Now(), Span{Trace: trace})
			}
			began = append(began, now)
			if second >= wait {
				kept := 0
				for _, trace := range began[second-wait] {
					came++
					if v := tail.Judge(trace, ""); v.Keep {
						kept++
						weight += v.Threshold.Weight()
						variance += v.Threshold.Weight() * (v.Threshold.Weight() - 1)
					}
				}
				if most := budget + 5*math.Sqrt(budget); float64(kept) > most {
					t.Errorf("second %d: kept %d of %d", second-wait, kept, len(began[second-wait]))
				}
				if len(began[second-wait]) <= budget && second < 30 && kept < len(began[second-wait]) {
					t.Errorf("second %d: kept %d of %d, which are fewer than the budget", second-wait, kept, len(began[second-wait]))
				}
			}
			time.Sleep(time.Second)
		}
		if off := math.Abs(weight - float64(came)); off > 4*math.Sqrt(variance) {
			t.Errorf("%d came, those kept stand for %.0f ± %.0f", came, weight, math.Sqrt(variance))
		}
	})
}

// The share is the same while about as many come.
func TestShareIsSteady(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rate := newRate(100)
	shares := map[sampling.Threshold]bool{}
	for second := range int64(600) {
		rate.count(second, 1000+50*r.NormFloat64())
		threshold, _ := rate.of(second)
		if shares[threshold] = true; threshold.Share() > 0.12 || threshold.Share() < 0.06 {
			t.Errorf("second %d: share %v of about 1000 for 100", second, threshold.Share())
		}
	}
	if len(shares) > 8 {
		t.Errorf("%d different shares of as many traces in ten minutes", len(shares))
	}
}

// All spans of a trace are judged alike, in whatever second they come, and late ones as those before.
func TestTracesAreWhole(t *testing.T) {
	tail := open(t, Config{Budget: 10})
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Unix(1_000_000, 0)
	first := map[TraceID]Verdict{}
	for second := range 60 {
		for n := range uint64(100 + second*10) {
			trace := id(uint64(second)<<32|n, r.Uint64())
			tail.told(at, Span{Trace: trace})
			tail.told(at.Add(time.Duration(n%3)*time.Second), Span{Trace: trace})
			first[trace] = Verdict{}
		}
		at = at.Add(time.Second)
	}
	for trace := range first {
		first[trace] = tail.Judge(trace, "")
	}
	for trace, v := range first {
		tail.told(at, Span{Trace: trace})
		if again := tail.Judge(trace, ""); again != v {
			t.Fatalf("%x was %+v, is %+v", trace, v, again)
		}
	}
}

func TestLateErrorSavesWhatFollows(t *testing.T) {
	tail := open(t, Config{Budget: 0.1})
	at := time.Unix(1_000_000, 0)
	trace := id(1, low)
	tail.told(at, Span{Trace: trace})
	if tail.Judge(trace, "").Keep {
		t.Fatal("kept")
	}
	if share, ok := tail.LeftOut(trace); !ok || share < 0.08 || share > 0.1 {
		t.Errorf("left out of a share of %v, %v", share, ok)
	}
	tail.told(at.Add(time.Minute), Span{Trace: trace, Failed: true})
	if !tail.Judge(trace, "").Keep {
		t.Error("the error is left out")
	}
	if _, ok := tail.LeftOut(id(2, low)); ok {
		t.Error("a trace that is not known was left out")
	}
}

// What an SDK has sampled already is kept by the smaller of the two shares.
func TestHeadSampling(t *testing.T) {
	tail := open(t, Config{Budget: 25 / firstUse})
	at := time.Unix(1_000_000, 0)
	for n := range uint64(78) { // 100 with what is below, by weight
		tail.told(at, Span{Trace: id(100+n, math.MaxUint64)})
	}
	half, most := uint64(1)<<55, uint64(1)<<56-1
	tests := map[string]struct {
		trace TraceID
		state string
		want  Verdict
	}{
		"none":             {id(1, most), "", Verdict{true, sampling.Of(0.25)}},
		"a larger share":   {id(2, most), "ot=th:8", Verdict{true, sampling.Of(0.25)}},
		"a smaller share":  {id(3, most), "ot=th:f", Verdict{Keep: true}},
		"of the rest":      {id(4, half), "ot=th:8", Verdict{}},
		"other randomness": {id(5, low), "ot=rv:ffffffffffffff", Verdict{true, sampling.Of(0.25)}},
	}
	for _, tt := range tests {
		tail.told(at, Span{Trace: tt.trace, State: tt.state})
	}
	for name, tt := range tests {
		if got := tail.Judge(tt.trace, tt.state); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	// A trace that stands for ten counts as ten.
	tail = open(t, Config{Budget: 25 / firstUse})
	for n := range uint64(10) {
		tail.told(at, Span{Trace: id(n, most), State: "ot=th:e6666666666666"})
	}
	if got := tail.Judge(id(1, most), ""); math.Abs(got.Threshold.Share()-0.25) > 0.001 {
		t.Errorf("kept as a share of %v of what ten others stand for", got.Threshold.Share())
	}
}

func TestMemoryIsBounded(t *testing.T) {
	const most = minTraces
	tail := open(t, Config{Budget: 0.1, Traces: most})
	at := time.Unix(1_000_000, 0)
	for n := range uint64(100) {
		tail.told(at, Span{Trace: id(n, low), Failed: true})
	}
	for n := range uint64(10 * most) {
		tail.told(at, Span{Trace: id(1000+n, low)})
		if got := tail.Stats().Traces; got > most {
			t.Fatalf("%d traces are remembered", got)
		}
	}
	if got := tail.Stats(); got.Early != 9*most+100 || got.Failed != 100 {
		t.Errorf("%+v", got)
	}
	for n := range uint64(100) {
		if !tail.Judge(id(n, low), "").Keep {
			t.Fatal("a trace with an error made room for ordinary ones")
		}
	}
	for n := range uint64(2 * most) { // none of which is ordinary
		tail.told(at, Span{Trace: id(100_000+n, low), Marked: true})
	}
	if got := tail.Stats().Traces; got > most {
		t.Errorf("%d traces are remembered", got)
	}
	if len(tail.traces.all) > most {
		t.Errorf("places for %d", len(tail.traces.all))
	}
}

func TestOldTracesAreForgotten(t *testing.T) {
	tail := open(t, Config{Budget: 100, Remember: time.Minute})
	at := time.Unix(1_000_000, 0)
	for n := range uint64(600) {
		trace := id(n, low)
		tail.told(at, Span{Trace: trace, Failed: n%2 == 0})
		if n < 300 { // and the store is away from then on
			tail.Judge(trace, "")
		}
		at = at.Add(time.Second)
		if n == 299 {
			if got := tail.Stats().Traces; got < 60 || got > 65 {
				t.Errorf("%d traces of a minute are remembered", got)
			}
		}
	}
	if got := tail.Stats().Traces; got < 360 || got > 365 {
		t.Errorf("%d traces: what waits is not forgotten", got)
	}
}

// The next process decides the same, though what it decides by is not told again.
func TestEvidenceOutlivesTheProcess(t *testing.T) {
	c := Config{Budget: 20, Dir: t.TempDir(), Remember: 10 * time.Minute}
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Unix(1_000_000, 0)
	was := map[TraceID]Verdict{}
	tail := open(t, c)
	seen := map[TraceID]time.Time{}
	for second := range 300 {
		for n := range uint64(50) {
			trace := id(uint64(second)<<32|n, r.Uint64())
			span := Span{Trace: trace, Failed: n == 0, Marked: n == 1, Route: 7, Root: true, Start: 1, Duration: int64(second*50) + int64(n)}
			if second > 10 && n == 2 {
				span.Duration = int64(time.Second)
			}
			tail.told(at, span)
			seen[trace] = at
		}
		at = at.Add(time.Second)
	}
	for trace := range seen {
		was[trace] = tail.Judge(trace, "")
	}
	tail.told(at, Span{Trace: id(1, 1)}) // writes the shares
	// It is not closed: it was killed.
	next := open(t, c)
	for trace, at := range seen {
		next.told(at, Span{Trace: trace, Route: 7, Start: 5}) // another span, without the evidence
	}
	for trace, want := range was {
		if got := next.Judge(trace, ""); got != want {
			t.Fatalf("%x was %+v, is %+v", trace, want, got)
		}
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"budget: 0, want 0.1 traces a second at least":   {},
		"budget: NaN, want 0.1 traces a second at least": {Budget: math.NaN()},
		"traces: 5, want 1000 at least":                  {Budget: 1, Traces: 5},
		"remember: 1ms, want a second at least":          {Budget: 1, Remember: time.Millisecond},
	} {
		if _, err := New(c); err == nil || err.Error() != name {
			t.Errorf("%+v: %v, want %q", c, err, name)
		}
	}
}
