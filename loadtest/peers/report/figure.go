package report

import (
	"math"
	"slices"
	"strconv"
)

// Figure is the values of one measure, one for each round.
type Figure []float64

// Median is NaN of nothing.
func (f Figure) Median() float64 {
	if len(f) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(f))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// Sum is 0 of nothing.
func (f Figure) Sum() float64 {
	var sum float64
	for _, v := range f {
		sum += v
	}
	return sum
}

// median writes the median alone.
func (f Figure) median() string { return number(f.Median()) }

// spread writes the median and, of several rounds, the smallest and the largest value.
func (f Figure) spread() string {
	if len(f) < 2 {
		return f.median()
	}
	return f.median() + " (" + number(slices.Min(f)) + "–" + number(slices.Max(f)) + ")"
}

// number writes three digits or all before the point, whichever is more; a dash for
// what was not measured.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	digits := 0
	for size := math.Abs(v); size < 100 && size > 0 && digits < 2; size *= 10 {
		digits++
	}
	return grouped(strconv.FormatFloat(v, 'f', digits, 64))
}

// grouped puts commas between the thousands.
func grouped(s string) string {
	start, end := 0, len(s)
	if s[0] == '-' {
		start = 1
	}
	if dot := slices.Index([]byte(s), '.'); dot >= 0 {
		end = dot
	}
	for i := end - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
