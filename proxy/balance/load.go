package balance

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// decay is the time in which the memory of past latencies falls to 1/e.
	decay = 10 * time.Second
	// seed is the latency a place is presumed to have before it answered once.
	seed = 30 * time.Millisecond
	// floor keeps differences that do not matter from deciding.
	floor = time.Millisecond
	// penalty is the latency that a failure counts as. Without it, a place that
	// fails fast would look like the best of all.
	penalty = 5 * time.Second
	// maxPenalty bounds what a place may ask for itself.
	maxPenalty = 300 * time.Second
	// silence is how long nothing may be heard of a place before it may be asked again
	// although it is the heavier: one slow answer must not keep it empty until the memory
	// of it has decayed, which from a second down to some milliseconds takes a minute.
	silence = time.Second
	// always is the age of a place that has been there from the first.
	always = math.MaxInt64
)

// Load is how busy and how slow one place is. Its methods may be called from any
// goroutine; those that only look wait for nobody.
type Load struct {
	inFlight atomic.Int64
	born     atomic.Int64 // nanoseconds since the epoch; 0 is a place that needs no warm-up

	mu sync.Mutex // held to change what follows
	// A reader that meets a change half made sees an average that is decayed for a
	// moment too long or too short, which decides nothing of weight.
	ewma  atomic.Uint64 // float64 bits, in nanoseconds, as of stamp
	stamp atomic.Int64  // nanoseconds since the epoch
	rest  atomic.Int64  // until when the place asked to be left alone, likewise
}

// NewLoad is the load of a place nothing is known of yet.
func NewLoad(now time.Time) *Load {
	l := &Load{}
	l.set(float64(seed), now)
	return l
}

// Begin counts a request as in flight.
func (l *Load) Begin() { l.inFlight.Add(1) }

// End takes a request out of flight and learns nothing from it.
func (l *Load) End() { l.inFlight.Add(-1) }

// Observe learns from a request that took this long. A latency above the average
// replaces it at once (the peak rule), lower ones pull it down over the decay time.
func (l *Load) Observe(now time.Time, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	decayed, old := l.decayed(now)
	if sample := float64(took); sample > decayed {
		l.set(sample, now)
	} else {
		l.set(decayed+sample*(1-old), now)
	}
}

// Abandon learns from a request that its caller gave up after this long. The answer
// would have taken longer, how much is not known: so it counts where it lasted longer
// than the average, by the peak rule as in Linkerd, and else says nothing. As an
// answer, callers in a hurry would make the place look fast.
func (l *Load) Abandon(now time.Time, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if decayed, _ := l.decayed(now); float64(took) > decayed {
		l.set(float64(took), now)
	}
}

// Penalise learns from a request that failed: it counts as 5 s, or as long as the place
// asked not to be sent anything, up to 300 s. The peak rule does not hold here: one
// failed request must not empty a place for a minute, many must.
func (l *Load) Penalise(now time.Time, took, asked time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sample := max(took, penalty)
	if asked > 0 {
		asked = min(asked, maxPenalty)
		sample = max(took, asked)
		l.rest.Store(now.Add(asked).UnixNano())
	}
	decayed, old := l.decayed(now)
	l.set(decayed+float64(sample)*(1-old), now)
}

// Forget returns to the presumption for a place nothing is known of, as after it
// recovered. What is in flight stays counted.
func (l *Load) Forget(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(float64(seed), now)
}

// Warm begins the place's warm-up, as when it is new among others.
func (l *Load) Warm(now time.Time) { l.born.Store(now.UnixNano()) }

// Age is how long ago the warm-up began; ok is false if it never did.
func (l *Load) Age(now time.Time) (age time.Duration, ok bool) {
	born := l.born.Load()
	return time.Duration(now.UnixNano() - born), born != 0
}

// InFlight is the number of requests that began and did not end.
func (l *Load) InFlight() int { return int(l.inFlight.Load()) }

// Score is the latency expected of one more request, in seconds: the average decayed
// to now, times the requests that would then be in flight.
func (l *Load) Score(now time.Time) float64 {
	ewma, _ := l.decayed(now)
	return max(ewma, float64(floor)) / float64(time.Second) * float64(l.InFlight()+1)
}

// silent reports whether nothing is known of the place that is newer than the silence,
// nor will be soon: a place that hangs is not asked a second time. One that asked to be
// left alone keeps silent for that long.
func (l *Load) silent(now time.Time) bool {
	return l.InFlight() == 0 && now.UnixNano()-max(l.stamp.Load(), l.rest.Load()) >= int64(silence)
}

// decayed is the average as of now, and what is left of a unit since it was set.
func (l *Load) decayed(now time.Time) (ewma, old float64) {
	since := max(now.UnixNano()-l.stamp.Load(), 0)
	old = math.Exp(-float64(since) / float64(decay))
	return math.Float64frombits(l.ewma.Load()) * old, old
}

func (l *Load) set(ewma float64, now time.Time) {
	l.stamp.Store(now.UnixNano())
	l.ewma.Store(math.Float64bits(ewma))
}

func (l *Load) age(now time.Time) time.Duration {
	if age, ok := l.Age(now); ok {
		return age
	}
	return always
}
