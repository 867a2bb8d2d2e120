package apitest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// CompleteKeys lists what the newest spans of the shop say.
func (s *Shop) CompleteKeys(_ context.Context, q signal.CompletionQuery) ([]signal.Completion, error) {
	seen := map[string]uint64{"duration": 0, "severity": 0}
	for _, told := range s.newest() {
		for key := range told {
			seen[key]++
		}
	}
	return byFrequency(seen, q), nil
}

// CompleteValues lists what they say under a key.
func (s *Shop) CompleteValues(_ context.Context, key string, q signal.CompletionQuery) ([]signal.Completion, error) {
	seen := map[string]uint64{}
	for _, told := range s.newest() {
		if v, ok := told[key]; ok {
			seen[v]++
		}
	}
	return byFrequency(seen, q), nil
}

func (s *Shop) newest() []map[string]string {
	spans, _ := s.spanSet(signal.SpanQuery{Search: signal.TraceQuery{Start: s.now().Add(-5 * time.Minute), End: s.now()}})
	var all []map[string]string
	for _, span := range spans {
		all = append(all, told(span))
	}
	return all
}

func byFrequency(seen map[string]uint64, q signal.CompletionQuery) []signal.Completion {
	var all []signal.Completion
	for text, n := range seen {
		if strings.Contains(strings.ToLower(text), strings.ToLower(q.Typed)) {
			all = append(all, signal.Completion{Text: text, Seen: n})
		}
	}
	slices.SortFunc(all, func(a, b signal.Completion) int {
		return cmp.Or(cmp.Compare(b.Seen, a.Seen), cmp.Compare(a.Text, b.Text))
	})
	return all[:min(len(all), q.Limit)]
}
