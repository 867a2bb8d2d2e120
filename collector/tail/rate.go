package tail

import "github.com/sightline-mesh/sightline/collector/sampling"

// seconds is how many are remembered: a span is judged some seconds after it arrived, or
// later where the store was away; of what is older the latest share holds.
const seconds = 1024

// decay is how much of the difference to a lower rate is forgotten in a second: after a
// burst the share recovers within half a minute.
const decay = 0.1

// A share is kept as long as it uses so much of the budget: the same share for most of the
// time makes traces whole that are not remembered, and those of several collectors. Another
// leaves some of the budget for what may come.
const (
	leastUse = 0.7
	firstUse = 0.9
)

// rate turns a budget into shares. A second's share is fixed when it is asked for first,
// which is when the second is over.
type rate struct {
	budget float64
	begun  [seconds]begun // by second
	recent float64        // ordinary traces a second: of the latest second or, if more, lately
	fixed  int64          // the latest second with a share
	latest sampling.Threshold
}

// begun is what is known of one second.
type begun struct {
	second    int64
	traces    float64 // that began in it and are ordinary so far, by weight
	threshold sampling.Threshold
	fixed     bool
}

func newRate(budget float64) rate { return rate{budget: budget} }

// count changes how many ordinary traces began in a second.
func (r *rate) count(second int64, by float64) {
	if b := r.at(second); b != nil {
		b.traces += by
	}
}

// at is what is known of a second, nil of one that is forgotten.
func (r *rate) at(second int64) *begun {
	b := &r.begun[uint64(second)%seconds]
	if b.second > second {
		return nil
	}
	if b.second < second {
		*b = begun{second: second}
	}
	return b
}

// set fixes the share of a second as an earlier process had it.
func (r *rate) set(second int64, t sampling.Threshold) {
	b := r.at(second)
	if b == nil {
		return
	}
	b.threshold, b.fixed = t, true
	if second > r.fixed {
		r.fixed, r.latest = second, t
		r.recent = r.budget / t.Share()
	}
}

// of is the threshold for ordinary traces that began in a second, and whether it was fixed
// just now.
func (r *rate) of(second int64) (t sampling.Threshold, fresh bool) {
	b := r.at(second)
	if b == nil {
		return r.latest, false
	}
	if b.fixed {
		return b.threshold, false
	}
	since := min(max(second-r.fixed, 1), seconds)
	for range since { // the seconds between had theirs, or nobody asked
		r.recent -= r.recent * decay
	}
	r.recent = max(r.recent, b.traces)
	b.fixed, b.threshold = true, r.next()
	if second > r.fixed {
		r.fixed, r.latest = second, b.threshold
	}
	return b.threshold, true
}

// next is the threshold by which what came lately meets the budget.
func (r *rate) next() sampling.Threshold {
	if r.recent <= r.budget {
		return sampling.Of(1)
	}
	most := r.budget / r.recent
	if now := r.latest.Share(); now <= most && now >= leastUse*most {
		return r.latest
	}
	return sampling.Of(firstUse * most)
}
