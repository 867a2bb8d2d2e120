package apitest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// spanSet is every span of the newest traces that a search is about.
func (s *Shop) spanSet(q signal.SpanQuery) ([]signal.Span, error) {
	f, err := parseFilter(q.Search.Filter)
	if err != nil || s.silent {
		return nil, err
	}
	const most = 6000 // traces
	var all []signal.Span
	last := q.Search.Start.UnixMilli() / traceEvery.Milliseconds()
	for n := q.Search.End.UnixMilli() / traceEvery.Milliseconds(); n > max(last, q.Search.End.UnixMilli()/traceEvery.Milliseconds()-most); n-- {
		for _, span := range spansOf(n) {
			if f.span(span) && inSet(span, q) {
				all = append(all, span)
			}
		}
	}
	return all, nil
}

func inSet(s signal.Span, q signal.SpanQuery) bool {
	took, search := time.Duration(s.DurationNS), q.Search
	return (!q.Roots || s.ParentID == "") && (search.Service == "" || s.Service == search.Service) &&
		took >= search.MinDuration && (search.MaxDuration == 0 || took <= search.MaxDuration) &&
		(search.Status != "error" || s.Status == "error") && (search.Status != "ok" || s.Status != "error")
}

// Heatmap counts the spans of a search.
func (s *Shop) Heatmap(_ context.Context, q signal.SpanQuery, columns int) (signal.Heatmap, error) {
	spans, err := s.spanSet(q)
	step := q.Search.End.Sub(q.Search.Start) / time.Duration(columns)
	h := signal.Heatmap{Start: q.Search.Start, End: q.Search.End, StepMS: step.Milliseconds(), Scale: 1}
	if q.Since.After(h.Start) {
		h.Since = &q.Since
	}
	cells := map[[2]int]signal.HeatCell{}
	for _, span := range spans {
		if span.Start.Before(q.Since) {
			continue
		}
		at := [2]int{int(span.Start.Sub(h.Start) / step), int(math.Ceil(math.Log2(float64(span.DurationNS)/1e6)*2)) - 1}
		if at[0] < 0 || at[0] >= columns {
			continue
		}
		c := cells[at]
		c.Column, c.Bucket, c.Spans = at[0], at[1], c.Spans+1
		h.Spans++
		if span.Status == "error" {
			c.Errors++
			h.Errors++
		}
		cells[at] = c
	}
	for _, c := range cells {
		h.Cells = append(h.Cells, c)
	}
	slices.SortFunc(h.Cells, func(a, b signal.HeatCell) int {
		return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.Bucket, b.Bucket))
	})
	return h, err
}

// Deltas compares the spans of a search.
func (s *Shop) Deltas(_ context.Context, q signal.DeltaQuery) (signal.Deltas, error) {
	spans, err := s.spanSet(q.SpanQuery)
	if err != nil {
		return signal.Deltas{}, err
	}
	selected, err := parseFilter(q.Selected)
	if err != nil {
		return signal.Deltas{}, err
	}
	inside := func(span signal.Span) bool {
		return selected.span(span) && !span.Start.Before(q.From) && (q.To.IsZero() || span.Start.Before(q.To))
	}
	d, counts := tally(spans, inside)
	if d.Inside > 0 && d.Outside > 0 {
		d.Keys = rank(counts, d, q.Selected)
	}
	return d, nil
}

// tally counts what both sets say, by key and value.
func tally(spans []signal.Span, inside func(signal.Span) bool) (signal.Deltas, map[string]map[string]signal.DeltaValue) {
	var d signal.Deltas
	counts := map[string]map[string]signal.DeltaValue{}
	for _, span := range spans {
		in, out := uint64(1), uint64(0)
		if !inside(span) {
			in, out = out, in
		}
		d.Inside, d.Outside = d.Inside+in, d.Outside+out
		for key, value := range told(span) {
			if counts[key] == nil {
				counts[key] = map[string]signal.DeltaValue{}
			}
			v := counts[key][value]
			counts[key][value] = signal.DeltaValue{Value: value, Inside: v.Inside + in, Outside: v.Outside + out, Filter: fmt.Sprintf("%s = %q", key, value)}
		}
	}
	d.LookedInside, d.LookedOutside = d.Inside, d.Outside
	return d, counts
}

func told(s signal.Span) map[string]string {
	all := map[string]string{"service": s.Service, "version": s.Version, "name": s.Name, "kind": s.Kind, "status": s.Status}
	for short, long := range shortNames {
		if v, ok := s.Attributes[long]; ok {
			all[short] = fmt.Sprint(v)
		}
	}
	return all
}

func rank(counts map[string]map[string]signal.DeltaValue, d signal.Deltas, selected string) []signal.DeltaKey {
	apart := func(v signal.DeltaValue) float64 {
		return math.Abs(float64(v.Inside)/float64(d.Inside) - float64(v.Outside)/float64(d.Outside))
	}
	var keys []signal.DeltaKey
	for key, values := range counts {
		k := signal.DeltaKey{Key: key, Distinct: uint64(len(values))}
		for _, v := range values {
			k.Inside, k.Outside = k.Inside+v.Inside, k.Outside+v.Outside
			if apart(v) > 0.02 {
				k.Values = append(k.Values, v)
			}
		}
		slices.SortFunc(k.Values, func(a, b signal.DeltaValue) int {
			return cmp.Or(cmp.Compare(apart(b), apart(a)), strings.Compare(a.Value, b.Value))
		})
		if k.Values = k.Values[:min(len(k.Values), 5)]; len(k.Values) > 0 && !strings.Contains(selected, key) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b signal.DeltaKey) int {
		return cmp.Or(cmp.Compare(apart(b.Values[0]), apart(a.Values[0])), strings.Compare(a.Key, b.Key))
	})
	return keys
}
