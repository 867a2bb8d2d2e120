package clickhouse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Both ways of searching give the same pages: of traces that began at the same time, more
// than one look brings, whose spans lie in different minutes and days, and whose span that
// matches came long after the trace began, in a window that it began hours before, too.
func TestNewestFindsWhatGoingBackFinds(t *testing.T) {
	s := openMigrated(t)
	now := time.Now().UTC().Truncate(time.Second)
	dice := rand.New(rand.NewPCG(1, 2))
	var rows []SpanRow
	for i := range 930 {
		began := now.Add(-time.Hour)
		switch {
		case i >= 900: // hours before the last span
			began = began.Add(-time.Duration(i-780) * time.Minute)
		case i < 300: // at the same time
		case i < 600:
			began = began.Add(-time.Duration(dice.Int64N(int64(3 * time.Minute))))
		default:
			began = began.Add(-time.Duration(dice.Int64N(int64(60 * time.Hour))))
		}
		last := began.Add(time.Duration(dice.Int64N(int64(50 * time.Minute))))
		if i >= 900 {
			last = now.Add(-45 * time.Minute)
		}
		trace := TraceID{0: byte(dice.UintN(256)), 14: byte(i >> 8), 15: byte(i)}
		for n, at := range []time.Time{began, last} {
			row := SpanRow{
				TraceID: trace, SpanID: SpanID{7: byte(n + 1)}, Name: "GET /", Kind: "server", Status: "ok",
				Workload: Workload{Service: []string{"web", "cart"}[n]}, Start: at, Duration: time.Millisecond, Hop: Hop{GRPCStatus: -1, Status: uint16(200 + i%3)},
			}
			row.Strings.Add("rare", strconv.Itoa(i%50))
			rows = append(rows, row)
		}
	}
	half := len(rows) / 2
	if err := s.InsertSpans(t.Context(), "new", rows[:half]); err != nil {
		t.Fatal(err)
	}
	if err := s.InsertSpansByService(t.Context(), "of an earlier version", rows[half:]); err != nil {
		t.Fatal(err)
	}
	for _, q := range []signal.TraceQuery{
		{Limit: 20},
		{Limit: 400},
		{Service: "cart", Limit: 100},
		{Service: "cart", Status: "201", Limit: 50, Start: now.Add(-2 * time.Hour), End: now},
		{Service: "web", Limit: 150, Start: now.Add(-30 * time.Hour)},
		{Service: "cart", Limit: 40, Start: now.Add(-50 * time.Minute), End: now.Add(-35 * time.Minute)},
		{Service: "cart", Limit: 7, Start: now.Add(-46 * time.Minute), End: now.Add(-44 * time.Minute)},
		{Filter: "rare = 7", Limit: 5},
		{Filter: "rare = nothing"},
	} {
		t.Run(fmt.Sprintf("%+v", q), func(t *testing.T) {
			if found := samePages(t, s, q); q.Filter != "rare = nothing" && len(found) == 0 {
				t.Error("nothing was found")
			}
		})
	}
}

// A trace of several days is listed once, where it began, and whole, however far back its
// page goes.
func TestNewestFindsWhereATraceOfDaysBegan(t *testing.T) {
	s := openMigrated(t)
	midnight := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	var rows []SpanRow
	span := func(trace byte, at time.Time) {
		rows = append(rows, SpanRow{
			TraceID: TraceID{15: trace}, SpanID: SpanID{7: byte(len(rows) + 1)}, Name: "work", Kind: "server", Status: "ok",
			Workload: Workload{Service: "worker"}, Start: at, Duration: time.Millisecond, Hop: Hop{GRPCStatus: -1},
		})
	}
	var want []string
	for trace, at := range []time.Duration{9 * time.Minute, -36 * time.Hour, -71*time.Hour - 55*time.Minute, -80 * time.Hour} {
		span(byte(trace), midnight.Add(at))
		want = append(want, fmt.Sprintf("%032x", trace))
	}
	for day := range 3 { // what the third began goes on each day
		span(2, midnight.Add(-time.Duration(day)*24*time.Hour+5*time.Minute))
	}
	if err := s.InsertSpans(t.Context(), "days", rows); err != nil {
		t.Fatal(err)
	}
	for limit := 1; limit <= 2; limit++ {
		q := signal.TraceQuery{Limit: limit, Start: midnight.Add(-96 * time.Hour), End: midnight.Add(10 * time.Minute)}
		var got []string
		for _, found := range samePages(t, s, q) {
			got = append(got, found.TraceID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d list %v, want %v", limit, got, want)
		}
	}
}

// samePages are the traces of a search, which are the same both ways, page by page, whether it
// is known how many spans there are, and the first look brings all, or not.
func samePages(t *testing.T, s *Store, q signal.TraceQuery) []signal.TraceSummary {
	t.Helper()
	want := pages(t, q, s.searchBack)
	for _, known := range []spread{{days: map[string]uint64{}}, {}} {
		known.earlier, known.asked = true, time.Now()
		s.spreads.spread = known
		got := pages(t, q, s.searchNewest)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-going back +newest, %+v):\n%s", known, diff)
		}
	}
	return slices.Concat(want...)
}

// pages are the pages of a search.
func pages(t *testing.T, q signal.TraceQuery, find func(context.Context, search) (signal.TracePage, error)) [][]signal.TraceSummary {
	t.Helper()
	wanted, err := searchOf(q)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]signal.TraceSummary
	for range 12 {
		asked, err := prepareSearch(wanted, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		page, err := find(t.Context(), asked)
		if err != nil || page.Partial != "" {
			t.Fatal(err, page.Partial)
		}
		all = append(all, page.Traces)
		if page.Next == "" {
			break
		}
		wanted.Cursor = page.Next
	}
	return all
}

func TestNewestLooksFurtherAsItFinds(t *testing.T) {
	end := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		whole, covered time.Duration
		seen           int
		want           time.Duration // that is covered then
		first          time.Duration
	}{
		"first":                     {140 * time.Hour, 0, 0, 5 * time.Minute, 5 * time.Minute},
		"a short window":            {13 * time.Minute, 0, 0, 13 * time.Minute, 5 * time.Minute},
		"a first slice of all":      {3 * time.Minute, 0, 0, 3 * time.Minute, 5 * time.Minute},
		"nothing":                   {140 * time.Hour, time.Minute, 0, 64 * time.Minute, time.Minute},
		"nothing, and little left":  {4 * time.Hour, time.Minute, 0, 4 * time.Hour, time.Minute},
		"nothing in an hour":        {140 * time.Hour, 64 * time.Minute, 0, 1024 * time.Minute, time.Minute},
		"nothing in a day":          {140 * time.Hour, 24 * time.Hour, 0, 140 * time.Hour, time.Minute},
		"one":                       {140 * time.Hour, time.Hour, 1, 16 * time.Hour, time.Minute},
		"half a page":               {140 * time.Hour, 10 * time.Hour, 10, 10*time.Hour + 10*time.Hour*11/8, time.Minute},
		"all but one":               {140 * time.Hour, 10 * time.Hour, 20, 10*time.Hour + 10*time.Hour/16, time.Minute},
		"half a page, little left":  {28 * time.Hour, 10 * time.Hour, 10, 28 * time.Hour, time.Minute},
		"as much as anything keeps": {50 * 365 * 24 * time.Hour, 100 * time.Hour, 0, 50 * 365 * 24 * time.Hour, time.Minute},
	} {
		n := newNewest(nil, search{whole: signal.Window{Start: end.Add(-c.whole), End: end}, want: usualTraces, from: noCursor()})
		n.end, n.first = end.Add(-c.covered), c.first
		for i := range c.seen {
			n.seen[strconv.Itoa(i)] = true
		}
		if got := end.Sub(n.next()); got.Round(time.Second) != c.want {
			t.Errorf("%s: covers %v, want %v", name, got, c.want)
		}
	}
}
