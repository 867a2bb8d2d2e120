package clickhouse

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// storeRequests stores spans of which those to payments v2 fail and are slow.
func storeRequests(t *testing.T, s *Store, start time.Time, n int) {
	t.Helper()
	var rows []SpanRow
	for i := range n {
		r := SpanRow{
			TraceID: TraceID{0: 1, 14: byte(i >> 8), 15: byte(i)}, SpanID: SpanID{7: byte(i), 6: byte(i >> 8)}, Name: "POST /charge", Kind: "client",
			Workload: Workload{Service: "checkout", Version: "v1"}, Mesh: true, Start: start.Add(time.Duration(i) * time.Second), Duration: 10 * time.Millisecond,
			Status: "unset", Hop: Hop{Peer: "payments", PeerVersion: "v1", Method: "POST", Status: 200, GRPCStatus: -1, MTLS: true},
		}
		r.Strings.Add("request.id", fmt.Sprintf("r-%d", i)) // only identifies
		r.Strings.Add("currency", []string{"eur", "usd"}[i%2])
		r.Strings.Add("peer.version", "canary") // a key that is a column's name, too
		r.Resource.Add("zone", "a")
		if i%5 == 0 {
			r.PeerVersion, r.Hop.Status, r.Flags, r.Status, r.Failed, r.Duration = "v2", 503, "UF,URX", "error", true, 300*time.Millisecond
			r.Numbers.Add("retries", 2)
		}
		if i%10 == 1 {
			r.ParentID = SpanID{7: 255}
		}
		rows = append(rows, r)
	}
	if err := s.InsertSpans(t.Context(), fmt.Sprint("requests ", start), rows); err != nil {
		t.Fatal(err)
	}
}

func cell(column, bucket int, spans, errors uint64) signal.HeatCell {
	return signal.HeatCell{Column: column, Bucket: bucket, Spans: spans, Errors: errors}
}

func TestHeatmapCountsByTimeAndDuration(t *testing.T) {
	s := openMigrated(t)
	start := time.Now().UTC().Truncate(time.Minute).Add(-time.Hour)
	storeRequests(t, s, start, 100)
	for name, tt := range map[string]struct {
		q    signal.SpanQuery
		want []signal.HeatCell
	}{
		// 10 ms is in the bucket from 2^3 to 2^3.5 = 11.3 ms, 300 ms in that from 2^8 to 2^8.5.
		"all": {signal.SpanQuery{}, []signal.HeatCell{
			cell(0, 6, 40, 0), cell(0, 16, 10, 10), cell(1, 6, 40, 0), cell(1, 16, 10, 10),
		}},
		"filter":           {signal.SpanQuery{Search: signal.TraceQuery{Filter: `peer.version = v2`}}, []signal.HeatCell{cell(0, 16, 10, 10), cell(1, 16, 10, 10)}},
		"roots":            {signal.SpanQuery{Search: signal.TraceQuery{Filter: `peer.version = v1`}, Roots: true}, []signal.HeatCell{cell(0, 6, 35, 0), cell(1, 6, 35, 0)}},
		"longest":          {signal.SpanQuery{Search: signal.TraceQuery{MaxDuration: 20 * time.Millisecond}}, []signal.HeatCell{cell(0, 6, 40, 0), cell(1, 6, 40, 0)}},
		"without error":    {signal.SpanQuery{Search: signal.TraceQuery{Status: "ok", Service: "checkout"}}, []signal.HeatCell{cell(0, 6, 40, 0), cell(1, 6, 40, 0)}},
		"the newest":       {signal.SpanQuery{Since: start.Add(50 * time.Second)}, []signal.HeatCell{cell(1, 6, 40, 0), cell(1, 16, 10, 10)}},
		"of somebody else": {signal.SpanQuery{Search: signal.TraceQuery{Service: "cart"}}, nil},
	} {
		tt.q.Search.Start, tt.q.Search.End = start, start.Add(100*time.Second)
		got, err := s.Heatmap(t.Context(), tt.q, 2)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.StepMS != 50_000 || (got.Since != nil) != !tt.q.Since.IsZero() {
			t.Errorf("%s: columns of %d ms since %v", name, got.StepMS, got.Since)
		}
		if diff := cmp.Diff(tt.want, got.Cells); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestDeltasSayWhatIsDifferent(t *testing.T) {
	s := openMigrated(t)
	start := time.Now().UTC().Truncate(time.Minute).Add(-time.Hour)
	storeRequests(t, s, start, 100)
	set := signal.SpanQuery{Search: signal.TraceQuery{Service: "checkout", Start: start, End: start.Add(time.Hour)}}
	value := func(value string, inside, outside uint64, f string) []signal.DeltaValue {
		return []signal.DeltaValue{{Value: value, Inside: inside, Outside: outside, Filter: f}}
	}
	for name, tt := range map[string]struct {
		q               signal.DeltaQuery
		inside, outside uint64
		want            []signal.DeltaKey
	}{
		"errors": {signal.DeltaQuery{Selected: `status = error`}, 20, 80, []signal.DeltaKey{
			{Key: "code", Inside: 20, Outside: 80, Distinct: 2, Values: append(value("200", 0, 80, `code = 200`), value("503", 20, 0, `code = 503`)...)},
			{Key: "flags", Inside: 20, Distinct: 1, Values: value("UF,URX", 20, 0, `flags = "UF,URX"`)},
			{Key: "peer.version", Inside: 20, Outside: 80, Distinct: 2, Values: append(value("v1", 0, 80, `peer.version = "v1"`), value("v2", 20, 0, `peer.version = "v2"`)...)},
			{Key: "retries", Inside: 20, Distinct: 1, Values: value("2", 20, 0, `retries = 2`)},
		}},
		"an attribute called as a column": {signal.DeltaQuery{Selected: `code = 503 OR currency = usd OR flags exists OR retries exists OR status = error`, SpanQuery: signal.SpanQuery{Search: signal.TraceQuery{Filter: `span.peer.version = canary`}}}, 60, 40, []signal.DeltaKey{
			{Key: "peer.version", Inside: 60, Outside: 40, Distinct: 2, Values: append(value("v1", 40, 40, `peer.version = "v1"`), value("v2", 20, 0, `peer.version = "v2"`)...)},
		}},
		"a time":              {signal.DeltaQuery{From: start, To: start.Add(50 * time.Second)}, 50, 50, nil},
		"nothing is selected": {signal.DeltaQuery{Selected: `duration > 1h`}, 0, 100, nil},
		"no more than asked": {signal.DeltaQuery{Selected: `status = error`, Limit: 1}, 20, 80, []signal.DeltaKey{
			{Key: "code", Inside: 20, Outside: 80, Distinct: 2, Values: append(value("200", 0, 80, `code = 200`), value("503", 20, 0, `code = 503`)...)},
		}},
	} {
		tt.q.Search.Service, tt.q.Search.Start, tt.q.Search.End = set.Search.Service, set.Search.Start, set.Search.End
		got, err := s.Deltas(t.Context(), tt.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Inside != tt.inside || got.Outside != tt.outside {
			t.Errorf("%s: %d of %d spans, want %d of %d", name, got.Inside, got.Inside+got.Outside, tt.inside, tt.inside+tt.outside)
		}
		if diff := cmp.Diff(tt.want, got.Keys); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, k := range got.Keys { // each filter finds what it stands for
			for _, v := range k.Values {
				q := set
				q.Search.Filter = v.Filter
				h, err := s.Heatmap(t.Context(), q, 1)
				if err != nil || h.Spans != v.Inside+v.Outside {
					t.Errorf("%s: %s finds %d spans, %v; want %d", name, v.Filter, h.Spans, err, v.Inside+v.Outside)
				}
			}
		}
	}
	for _, q := range []signal.DeltaQuery{{Selected: "status ="}, {Selected: "duration > 5"}, {SpanQuery: signal.SpanQuery{Search: signal.TraceQuery{Filter: "a"}}}} {
		if _, err := s.Deltas(t.Context(), q); !errors.Is(err, ErrBadQuery) {
			t.Errorf("%+v: %v, want ErrBadQuery", q, err)
		}
	}
}

// Of the spans that are well, a sampler kept one in four: what is said is what would be
// said of all, as far as so few can tell.
func TestSampledSpansCountForThoseLeftOut(t *testing.T) {
	s := openMigrated(t)
	start := time.Now().UTC().Truncate(time.Minute).Add(-time.Hour)
	var rows []SpanRow
	for i := range 40 {
		r := SpanRow{
			TraceID: TraceID{15: byte(i)}, SpanID: SpanID{7: 1}, Name: "GET", Kind: "server", Workload: Workload{Service: "cart", Version: "v1"},
			Start: start.Add(time.Second), Duration: 10 * time.Millisecond, Status: "ok", Weight: 4, Hop: Hop{GRPCStatus: -1},
		}
		if i%2 == 1 {
			r.Version, r.Status, r.Weight = "v2", "error", 0 // as of whoever knows nothing of weights
		}
		r.Strings.Add("only", fmt.Sprintf("n-%d", i))
		rows = append(rows, r)
	}
	if err := s.InsertSpans(t.Context(), "sampled", rows); err != nil {
		t.Fatal(err)
	}
	search := signal.TraceQuery{Start: start, End: start.Add(time.Minute)}
	h, err := s.Heatmap(t.Context(), signal.SpanQuery{Search: search}, 1)
	if err != nil || h.Spans != 100 || h.Errors != 20 || len(h.Cells) != 1 || h.Cells[0] != cell(0, 6, 100, 20) {
		t.Errorf("%+v, %v; want 100 spans, of which 20 failed", h, err)
	}
	d, err := s.Deltas(t.Context(), signal.DeltaQuery{SpanQuery: signal.SpanQuery{Search: search}, Selected: "status = error"})
	if err != nil {
		t.Fatal(err)
	}
	want := signal.Deltas{Inside: 20, Outside: 80, LookedInside: 20, LookedOutside: 80, Keys: []signal.DeltaKey{
		{Key: "version", Inside: 20, Outside: 80, Distinct: 2, Values: []signal.DeltaValue{
			{Value: "v1", Inside: 0, Outside: 80, Filter: `version = "v1"`}, {Value: "v2", Inside: 20, Outside: 0, Filter: `version = "v2"`},
		}},
	}}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFewSampledSpansAreNoEvidence(t *testing.T) {
	at := comparison{1, 1, nil}
	key := deltaRow{key: signal.DeltaKey{Key: "zone", Inside: 60, Outside: 40, Distinct: 1}, stored: 100}
	rows := []deltaRow{{key: signal.DeltaKey{Inside: 100, Outside: 100}}, key}
	all, few := signal.Deltas{}, signal.Deltas{}
	at.sets(&all, rows)
	// The same counts, made of one span in ten.
	tenth := setSize{100, 1000, 10}
	comparison{tenth.evidence(), tenth.evidence(), nil}.sets(&few, rows)
	if len(all.Keys) != 1 || len(few.Keys) != 0 {
		t.Errorf("100 spans each: %v; 10 that stand for 100: %v; want the former alone to tell", all.Keys, few.Keys)
	}
}

func TestLargeSetsAreSampledByTrace(t *testing.T) {
	if got := pairSampling(20_000); got != 1 {
		t.Errorf("20,000 spans: one trace in %d", got)
	}
	if got := pairSampling(1_000_001); got != 51 {
		t.Errorf("a million spans: one trace in %d", got)
	}
	s := openMigrated(t)
	start := time.Now().UTC().Truncate(time.Minute).Add(-time.Hour)
	storeRequests(t, s, start, 100)
	c := condition{schema: spanSchema}
	rows, err := s.pairs(t.Context(), strings.NewReplacer("{{filter}}", "1", "{{selected}}", "status = 'error'").Replace(deltasOfSpans),
		append(c.params, append(windowParams(signal.Window{Start: start, End: start.Add(time.Hour)}), Param("from", int64(0)), Param("to", nanos(start.Add(time.Hour))))...),
		setSize{20, 20, 20}, setSize{4 * maxCompared, 4 * maxCompared, 4 * maxCompared}) // as if the rest were many
	if err != nil {
		t.Fatal(err)
	}
	d := signal.Deltas{}
	comparison{1, 1, nil}.sets(&d, rows)
	if d.LookedInside != 20 || d.LookedOutside == 0 || d.LookedOutside > 50 {
		t.Errorf("looked at %d and %d spans; want all 20 and about a quarter of 80", d.LookedInside, d.LookedOutside)
	}
}

func TestLogPagesHoldEachRowOnce(t *testing.T) {
	s := openMigrated(t)
	at := time.Now().UTC().Add(-time.Minute).Truncate(time.Second)
	var rows []LogRow
	for i := range 40 { // eight a second, of which four say all the same
		r := LogRow{Time: at.Add(-time.Duration(i/8) * 40 * time.Second), Workload: Workload{Service: "cart"}, Severity: "INFO", Body: "again", Hop: Hop{GRPCStatus: -1}}
		if i%2 == 0 {
			r.Body = fmt.Sprintf("line %d", i)
		}
		rows = append(rows, r)
	}
	if err := s.InsertLogs(t.Context(), "logs", rows); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 3, 7, 39, 40} {
		seen := map[string]int{}
		q := signal.LogQuery{Limit: size}
		var last time.Time
		for page := 1; ; page++ {
			got, err := s.Logs(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range got.Logs {
				seen[l.Time.String()+l.Body]++
				if !last.IsZero() && l.Time.After(last) {
					t.Errorf("pages of %d: %v after %v", size, l.Time, last)
				}
				last = l.Time
			}
			if q.Cursor = got.Next; q.Cursor == "" || page > 40 {
				break
			}
		}
		for key, n := range seen {
			if want := 1 + 3*strings.Count(key, "again"); n != want {
				t.Errorf("pages of %d: %s %d times, want %d", size, key, n, want)
			}
		}
		if len(seen) != 25 {
			t.Errorf("pages of %d: %d different rows, want 25", size, len(seen))
		}
	}
	if _, err := s.Logs(t.Context(), signal.LogQuery{Cursor: "x"}); !errors.Is(err, ErrBadQuery) {
		t.Errorf("bad cursor: %v", err)
	}
}

func FuzzLogCursor(f *testing.F) {
	f.Add(logCursor{before: 1_700_000_000_000_000_000, tie: 7, shown: 2}.String())
	f.Add("MSAyIDM")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := parseLogCursor(s); err == nil && s != "" && c.String() != s {
			t.Errorf("%q is %+v, but written %q", s, c, c.String())
		}
	})
}

func TestLogHistogram(t *testing.T) {
	s := openMigrated(t)
	start := time.Now().UTC().Truncate(time.Minute).Add(-time.Hour)
	var rows []LogRow
	for i, r := range []LogRow{
		{Severity: "INFO"},
		{Severity: "Information", SeverityNumber: 10},
		{Severity: "ERROR", SeverityNumber: 17},
		{Severity: "WARNING"},
		{Severity: "odd"},
		{SeverityNumber: 24},
		{SeverityNumber: 1},
		{Severity: "DEBUG", SeverityNumber: 8, Body: "other"},
	} {
		r.Time, r.Service, r.GRPCStatus = start.Add(time.Duration(i)*10*time.Second), "cart", -1
		rows = append(rows, r)
	}
	if err := s.InsertLogs(t.Context(), "logs", rows); err != nil {
		t.Fatal(err)
	}
	q := signal.LogQuery{Filter: `NOT body = other`, Start: start, End: start.Add(80 * time.Second)}
	got, err := s.LogHistogram(t.Context(), q, 4)
	if err != nil {
		t.Fatal(err)
	}
	want := signal.LogHistogram{Start: q.Start, End: q.End, StepMS: 20_000, Total: 7, Bins: map[string][]uint64{
		"INFO": {2, 0, 0, 0}, "ERROR": {0, 1, 0, 0}, "WARN": {0, 1, 0, 0}, "UNSET": {0, 0, 1, 0}, "FATAL": {0, 0, 1, 0}, "TRACE": {0, 0, 0, 1},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("histogram (-want +got):\n%s", diff)
	}
	for class := range got.Bins {
		if !strings.Contains(strings.Join(signal.Severities(), " "), class) {
			t.Errorf("class %s is not one of signal.Severities", class)
		}
	}
}

func TestCountsEndWithTheirBudget(t *testing.T) {
	s := openMigrated(t)
	now := time.Now().UTC()
	storeSpans(t, s, now.Add(-10*time.Second), 5)
	storeSpans(t, s, now.Add(-72*time.Hour), 1000)
	s.cfg.QueryRows = 500
	got, err := s.Heatmap(t.Context(), signal.SpanQuery{}, 10)
	if err != nil || got.Spans != 10 || !strings.HasPrefix(got.Partial, "counted back to ") {
		t.Errorf("%d spans, partial %q, %v; want the 10 newest and why not more", got.Spans, got.Partial, err)
	}
	d, err := s.Deltas(t.Context(), signal.DeltaQuery{Selected: "service = cart"})
	if err != nil || d.Inside != 5 || d.Outside != 5 || !strings.HasPrefix(d.Partial, "counted back to ") {
		t.Errorf("%d and %d spans, partial %q, %v; want 5 of each and why not more", d.Inside, d.Outside, d.Partial, err)
	}
	s.cfg.QueryRows = 1
	if _, err := s.Heatmap(t.Context(), signal.SpanQuery{}, 10); !errors.Is(err, ErrBudget) {
		t.Errorf("nothing counted within the budget: %v, want ErrBudget", err)
	}
}

func TestCountingEndsWhenItIsEnough(t *testing.T) {
	s := openMigrated(t)
	now := time.Now().UTC()
	storeSpans(t, s, now.Add(-10*time.Second), 5)
	storeSpans(t, s, now.Add(-72*time.Hour), 20)
	var counted uint64
	from, partial, err := countBack(t.Context(), s, tally{
		what: "count", statement: strings.NewReplacer("{{filter}}", "1", "{{selected}}", "1").Replace(deltaSizes),
		params: []any{Param("from", int64(0)), Param("to", nanos(now.Add(time.Hour)))},
		window: signal.Window{Start: now.Add(-100 * time.Hour), End: now},
		enough: func() bool { return counted >= 10 },
	}, scanSizes, func(n [2]setSize) { counted += n[0].stored })
	if err != nil || counted != 10 || !from.Equal(now.Add(-time.Minute)) || !strings.Contains(partial, "more than is compared") {
		t.Errorf("%d spans back to %v, partial %q, %v; want the 10 of the newest minute", counted, from, partial, err)
	}
}
