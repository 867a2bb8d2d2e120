package main

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/ui/api"
)

// What may still change stands below the sentence, and nothing in its place where nothing may.
func TestWhyTellsWhatMayFollow(t *testing.T) {
	for note, want := range map[string]string{
		"":                 "prices answered 200.\n\nTIME",
		"More may follow.": "prices answered 200.\nMore may follow.\n\nTIME",
	} {
		var out strings.Builder
		table := newTable(&out, 0)
		tellWhy(table, api.Why{Summary: "prices answered 200.", Note: note, Hops: []api.Hop{{Log: signal.Log{Service: "visitor"}}}})
		if err := table.flush(); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out.String(), want) {
			t.Errorf("%q, want it to begin with %q", out.String(), want)
		}
	}
}
