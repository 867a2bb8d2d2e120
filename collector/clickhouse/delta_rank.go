package clickhouse

import (
	"cmp"
	"math"
	"slices"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// compareSets ranks what differs between the sets and leaves out what does not tell
// anything: keys that the selection is made of, differences that chance explains, and
// the values of keys that only identify.
func compareSets(d *signal.Deltas, rows []deltaRow, known map[string]bool) {
	for _, r := range rows {
		if r.key.Key == "" {
			d.LookedInside, d.LookedOutside = r.key.Inside, r.key.Outside
		}
	}
	difference := func(inside, outside uint64) float64 {
		return difference(share{inside, d.LookedInside}, share{outside, d.LookedOutside})
	}
	score := map[string]float64{}
	for _, r := range rows {
		k := r.key
		if k.Key == "" || known[k.Key] {
			continue
		}
		name := named(r.scope, k.Key)
		best := difference(k.Inside, k.Outside)
		values := k.Values
		k.Values = nil
		if !identifies(k) {
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
type share struct{ part, whole uint64 }

// difference is how far two shares lie apart, 0 where chance alone could have put them
// there: less than two and a half standard errors.
func difference(a, b share) float64 {
	if a.whole == 0 || b.whole == 0 {
		return 0
	}
	const sure = 2.5
	n, m := float64(a.whole), float64(b.whole)
	by := math.Abs(float64(a.part)/n - float64(b.part)/m)
	pooled := float64(a.part+b.part) / (n + m)
	if by < sure*math.Sqrt(pooled*(1-pooled)*(1/n+1/m)) {
		return 0
	}
	return by
}

// identifies reports whether nearly every span has a value of its own.
func identifies(k signal.DeltaKey) bool {
	const few = 10
	return k.Distinct > few && 2*k.Distinct > k.Inside+k.Outside
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
