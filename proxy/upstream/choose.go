package upstream

import "github.com/sightline-mesh/sightline/proxy/route"

// position is the next point of a sequence that fills [0, 1) evenly at every length:
// multiples of the golden ratio. Random points would take many more requests to come
// as near to the weights.
func (s *Set) position() float64 {
	const golden = 0x9e3779b97f4a7c15
	return float64(s.turn.Add(golden)>>11) / (1 << 53)
}

// choose picks a destination by weight. Those that may have a part of their usual
// traffic get just that part; what they and the missing ones leave goes to those
// that may have all of theirs, and is refused (-1) when there are none.
func choose(dests []route.Destination, shares []float64, position float64) int {
	var total, partial, whole float64
	for i, d := range dests {
		w := float64(d.Weight)
		total += w
		switch {
		case shares[i] >= 1:
			whole += w
		default:
			partial += w * shares[i]
		}
	}
	at := position * total
	if at < partial || whole == 0 {
		return walk(dests, at, func(i int) float64 {
			if shares[i] >= 1 {
				return 0
			}
			return shares[i]
		})
	}
	return walk(dests, (at-partial)/(total-partial)*whole, func(i int) float64 {
		if shares[i] >= 1 {
			return 1
		}
		return 0
	})
}

// walk finds the destination whose stretch of the line at falls into, -1 past its end.
func walk(dests []route.Destination, at float64, part func(i int) float64) int {
	for i, d := range dests {
		width := float64(d.Weight) * part(i)
		if at < width {
			return i
		}
		at -= width
	}
	return -1
}
