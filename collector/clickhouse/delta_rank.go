package clickhouse

import (
	"cmp"
	"math"
	"slices"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// comparison is of two sets of spans: how sure what is said of each is, as setSize has it,
// and which keys the selection is made of.
type comparison struct {
	inside, outside float64
	known           map[string]bool
}

// sets ranks what differs between the sets and leaves out what does not tell
// anything: keys that the selection is made of, differences that chance explains, and
// the values of keys that only identify.
func (c comparison) sets(d *signal.Deltas, rows []deltaRow) {
	for _, r := range rows {
		if r.key.Key == "" {
			d.LookedInside, d.LookedOutside = r.key.Inside, r.key.Outside
		}
	}
	difference := func(inside, outside uint64) float64 {
		return difference(shareOf(inside, d.LookedInside, c.inside), shareOf(outside, d.LookedOutside, c.outside))
	}
	score := map[string]float64{}
	for _, r := range rows {
		k := r.key
		if k.Key == "" || c.known[k.Key] {
			continue
		}
		name := named(r.scope, k.Key)
		best := difference(k.Inside, k.Outside)
		values := k.Values
		k.Values = nil
		if !identifies(r) {
			for _, v := range values {
				if by := difference(v.Inside, v.Outside); by > 0 {
					v.Filter = equals(r.scope, k.Key, v.Value).String()
					k.Values = append(k.Values, v)
					best = max(best, by)
				}
			}
		}
		if best > 0 {
			k.Key = name
			d.Keys, score[name] = append(d.Keys, k), best
		}
	}
	slices.SortStableFunc(d.Keys, func(a, b signal.DeltaKey) int {
		return cmp.Or(cmp.Compare(score[b.Key], score[a.Key]), cmp.Compare(a.Key, b.Key))
	})
}

// share is a part of a set.
type share struct{ part, whole float64 }

// shareOf is that of spans of which each says so much about its set.
func shareOf(part, whole uint64, evidence float64) share {
	return share{float64(part) * evidence, float64(whole) * evidence}
}

// difference is how far two shares lie apart, 0 where chance alone could have put them
// there: less than two and a half standard errors.
func difference(a, b share) float64 {
	if a.whole == 0 || b.whole == 0 {
		return 0
	}
	const sure = 2.5
	n, m := a.whole, b.whole
	by := math.Abs(a.part/n - b.part/m)
	pooled := (a.part + b.part) / (n + m)
	if by < sure*math.Sqrt(pooled*(1-pooled)*(1/n+1/m)) {
		return 0
	}
	return by
}

// identifies reports whether nearly every span has a value of its own.
func identifies(r deltaRow) bool {
	const few = 10
	return r.key.Distinct > few && 2*r.key.Distinct > r.stored
}

// named is a key as a filter has to have it: with its scope where the key alone is a
// column.
func named(scope filter.Scope, key string) string {
	c := filter.Comparison{Key: key, Op: filter.Exists}
	if _, column := spanSchema.column(c); column && scope != filter.Any {
		return string(scope) + "." + key
	}
	return key
}

// equals is a filter for one value of a key.
func equals(scope filter.Scope, key, value string) filter.Comparison {
	c := filter.Comparison{Key: key, Op: filter.Equal, Value: filter.TextValue(value)}
	if word := filter.WordValue(value); word.Kind == filter.Number || word.Kind == filter.Bool {
		c.Value = word // of that type, or text spelled so
	}
	if named(scope, key) != key {
		c.Scope = scope
	}
	return c
}

// mentioned are the keys that an expression asks for.
func mentioned(e filter.Expr) map[string]bool {
	keys := map[string]bool{}
	var walk func(filter.Expr)
	walk = func(e filter.Expr) {
		switch e := e.(type) {
		case filter.And:
			for _, of := range e {
				walk(of)
			}
		case filter.Or:
			for _, of := range e {
				walk(of)
			}
		case filter.Not:
			walk(e.Of)
		case filter.Comparison:
			keys[e.Key] = true
		}
	}
	walk(e)
	return keys
}
