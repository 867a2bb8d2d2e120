package clickhouse

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// at is where the tests' traffic begins: a whole minute some time ago, the same for the
// whole run.
var at = sync.OnceValue(func() time.Time { return time.Now().UTC().Truncate(time.Minute).Add(-10 * time.Minute) })

func hop(reporter, from, to string, n, failed uint64) REDRow {
	h := signal.Histogram{}
	for range n {
		h.Observe(10)
	}
	return REDRow{
		REDKey: REDKey{
			Time: at(), Reporter: reporter, Source: from, SourceVersion: "v1", Destination: to, DestinationVersion: "v2",
			Instance: to + "-1", Route: "default", Method: "GET", Status: 200, GRPCStatus: -1, Protocol: "http/1.1", MTLS: true,
		},
		Requests: n, Failed: failed, DurationSum: h.Sum, Buckets: h.Buckets, BytesIn: 10 * n, BytesOut: 100 * n,
	}
}

func TestEdges(t *testing.T) {
	s := openMigrated(t)
	plain := hop(signal.Source, "web", "cart", 5, 0)
	plain.MTLS = false
	flagged := hop(signal.Source, "web", "cart", 3, 3)
	flagged.Flags, flagged.Status = "UF,URX", 503
	other := hop(signal.Source, "web", "cart", 2, 0)
	other.Instance, other.DestinationVersion = "cart-2", "v3"
	later := hop(signal.Source, "web", "cart", 100, 0)
	later.Time = at().Add(10 * time.Second)
	outside := hop(signal.Destination, "", "web", 7, 1)
	appOnly := hop(signal.AppSpan, "cart", "postgres", 4, 0)
	rows := []REDRow{
		hop(signal.Source, "web", "cart", 10, 1), plain, flagged, other, later,
		hop(signal.Destination, "web", "cart", 20, 4), // what the source said already
		outside, appOnly,
		hop(signal.AppSpan, "web", "cart", 20, 0), // the app saw what its sidecar saw
	}
	if err := s.InsertRED(t.Context(), "one", rows); err != nil {
		t.Fatal(err)
	}
	got := readEdges(t, s, signal.Window{Start: at(), End: at().Add(10 * time.Second)})
	want := map[string]signal.Edge{
		"web>cart-1":      {Source: "web", SourceVersion: "v1", Destination: "cart", DestinationVersion: "v2", Instance: "cart-1", Protocol: "http/1.1", Requests: 18, Failed: 4, MTLS: 13, Flags: map[string]uint64{"UF": 3, "URX": 3}, BytesIn: 180, BytesOut: 1800},
		"web>cart-2":      {Source: "web", SourceVersion: "v1", Destination: "cart", DestinationVersion: "v3", Instance: "cart-2", Protocol: "http/1.1", Requests: 2, MTLS: 2, BytesIn: 20, BytesOut: 200},
		">web-1":          {SourceVersion: "v1", Destination: "web", DestinationVersion: "v2", Instance: "web-1", Protocol: "http/1.1", Requests: 7, Failed: 1, MTLS: 7, BytesIn: 70, BytesOut: 700},
		"cart>postgres-1": {Source: "cart", SourceVersion: "v1", Destination: "postgres", DestinationVersion: "v2", Instance: "postgres-1", Protocol: "http/1.1", Requests: 4, MTLS: 4, BytesIn: 40, BytesOut: 400},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(signal.Edge{}, "Durations"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
	if d := got["web>cart-1"].Durations; d.Count != 18 || d.Sum != 180 {
		t.Errorf("durations: count %d, sum %v; want 18 and 180", d.Count, d.Sum)
	}
	if got := readEdges(t, s, signal.Window{Start: at().Add(-3 * time.Hour), End: at().Add(time.Minute)}); got["web>cart-1"].Requests != 118 {
		t.Errorf("rows per minute: %d requests, want 118", got["web>cart-1"].Requests)
	}
	for name, w := range map[string]struct {
		start, end time.Duration
		want       uint64
	}{
		"ends within the minute":    {-time.Hour + 30*time.Second, 5 * time.Second, 18},
		"begins within it":          {5 * time.Second, time.Hour + 5*time.Second, 100},
		"on the minute":             {0, time.Hour, 118},
		"ends where the rows begin": {-time.Hour, 0, 0},
		"begins where they end":     {time.Minute, time.Hour, 0},
		"just long":                 {-longWindow + 30*time.Second, 30 * time.Second, 118},
		"just short":                {-longWindow + 30*time.Second, 29 * time.Second, 118},
	} {
		got := readEdges(t, s, signal.Window{Start: at().Add(w.start), End: at().Add(w.end)})
		if n := got["web>cart-1"].Requests; n != w.want {
			t.Errorf("%s: %d requests, want %d", name, n, w.want)
		}
	}
	if got := readEdges(t, s, signal.Window{Start: at().Add(-time.Minute), End: at()}); len(got) != 0 {
		t.Errorf("quiet window: got %v", got)
	}
}

// TestEdgesOfLongWindows asks for windows that begin and end beside and on the borders of
// minutes and hours: each row counts once, from whichever table it is read, also where the
// table by time has only the later ones.
func TestEdgesOfLongWindows(t *testing.T) {
	s := openMigrated(t)
	hour := at().Truncate(time.Hour).Add(-8 * time.Hour)
	offsets := []time.Duration{
		-time.Second, 0, time.Second, 59 * time.Second, time.Minute, 59*time.Minute + 59*time.Second, time.Hour,
		time.Hour + 30*time.Second, 3*time.Hour - time.Second, 3 * time.Hour, 5*time.Hour - time.Minute, 5 * time.Hour, 5*time.Hour + 90*time.Second,
	}
	rows := make([]REDRow, len(offsets))
	for i, offset := range offsets {
		rows[i] = hop(signal.Source, "web", "cart", 1<<i, 0)
		rows[i].Time = hour.Add(offset)
	}
	if err := s.InsertRED(t.Context(), "one", rows); err != nil {
		t.Fatal(err)
	}
	borders := append([]time.Duration{-time.Hour, 30 * time.Second, 7 * time.Hour}, offsets...)
	checkEdges(t, s, hour, borders, offsets)

	since := hour.Add(3 * time.Hour) // as after an upgrade then
	for table, others := range map[string]string{"red": ">=", "red_1m": ">=", "edges": "<", "edges_1m": "<"} {
		statement := "ALTER TABLE " + table + " DELETE WHERE time " + others + " fromUnixTimestamp({since:Int64}) SETTINGS mutations_sync = 1"
		if err := s.conn.Exec(t.Context(), statement, Param("since", since.Unix())); err != nil {
			t.Fatal(err)
		}
	}
	second := since.Unix()
	s.since.Store(&second)
	checkEdges(t, s, hour, borders, offsets)
}

// checkEdges asks for the windows between all borders. The nth row has 1<<n requests.
func checkEdges(t *testing.T, s *Store, hour time.Time, borders, offsets []time.Duration) {
	t.Helper()
	for _, start := range borders {
		for _, end := range borders {
			if end <= start {
				continue
			}
			var want, got uint64
			for i, offset := range offsets {
				if offset >= start && offset < end {
					want += 1 << i
				}
			}
			for e, err := range s.Edges(t.Context(), signal.Window{Start: hour.Add(start), End: hour.Add(end)}) {
				if err != nil {
					t.Fatal(err)
				}
				got += e.Requests
			}
			if got != want {
				t.Errorf("from %v to %v: %b, want %b", start, end, got, want)
			}
		}
	}
}

// TestEdgeSeconds holds the seconds of a window, read at once, against each read by itself.
func TestEdgeSeconds(t *testing.T) {
	s, from := openMigrated(t), at()
	var rows []REDRow
	for i := range 4 {
		flagged := hop(signal.Source, "web", "cart", 3, 3)
		flagged.Flags, flagged.Status = "UF,URX", 503
		second := []REDRow{
			hop(signal.Source, "web", "cart", uint64(10+i), 1), flagged,
			hop(signal.Destination, "web", "cart", 20, 4),
			hop(signal.Destination, "", "web", 7, 1),
			hop(signal.AppSpan, "cart", "postgres", 4, 0), hop(signal.AppSpan, "web", "cart", 20, 0),
		}
		for n := range second {
			second[n].Time = from.Add(time.Duration(2*i) * time.Second) // a quiet second after each
		}
		rows = append(rows, second...)
	}
	if err := s.InsertRED(t.Context(), "one", rows); err != nil {
		t.Fatal(err)
	}
	got := map[time.Time]map[string]signal.Edge{}
	for e, err := range s.EdgeSeconds(t.Context(), signal.Window{Start: from, End: from.Add(6 * time.Second)}) {
		if err != nil {
			t.Fatal(err)
		}
		if got[e.Time] == nil {
			got[e.Time] = map[string]signal.Edge{}
		}
		got[e.Time][e.Source+">"+e.Instance] = e.Edge
	}
	want := map[time.Time]map[string]signal.Edge{}
	for i := range 3 {
		start := from.Add(time.Duration(2*i) * time.Second)
		want[start] = readEdges(t, s, signal.Window{Start: start, End: start.Add(time.Second)})
	}
	left := cmpopts.IgnoreFields(signal.Edge{}, "Protocol", "MTLS", "Durations", "BytesIn", "BytesOut")
	if diff := cmp.Diff(want, got, left, cmpopts.EquateEmpty()); diff != "" || len(want[from]) != 3 {
		t.Errorf("seconds (-each by itself +at once):\n%s", diff)
	}
}

func readEdges(t *testing.T, s *Store, w signal.Window) map[string]signal.Edge {
	t.Helper()
	all := map[string]signal.Edge{}
	for e, err := range s.Edges(t.Context(), w) {
		if err != nil {
			t.Fatal(err)
		}
		all[e.Source+">"+e.Instance] = e
	}
	return all
}

func TestSeriesQuantiles(t *testing.T) {
	s := openMigrated(t)
	rows := []REDRow{ // who calls and who is called say more than the app's own spans
		hop(signal.AppSpan, "web", "cart", 1000, 0),
		hop(signal.Destination, "web", "cart", 1000, 0),
		hop(signal.AppSpan, "cart", "postgres", 50, 0),
	}
	for i := range 20 { // two halves of each second, as two sidecars would say it
		r := hop(signal.Source, "web", "cart", 0, 0)
		r.Time, r.SourceVersion = at().Add(time.Duration(i/2)*time.Second), "v"+strconv.Itoa(i)
		h := signal.Histogram{}
		for ms := 1 + i%2; ms <= 1000; ms += 2 {
			h.Observe(float64(ms))
		}
		r.Requests, r.Failed, r.DurationSum, r.Buckets = h.Count, 5, h.Sum, h.Buckets
		rows = append(rows, r)
	}
	if err := s.InsertRED(t.Context(), "one", rows); err != nil {
		t.Fatal(err)
	}
	points, err := s.Series(t.Context(), "cart", signal.Window{Start: at(), End: at().Add(20 * time.Second)}, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(points) != 4 {
		t.Fatalf("got %d points, want 4", len(points))
	}
	p := points[1]
	if p.Requests != 1000 || p.Failed != 10 || !p.Time.Equal(at().Add(5*time.Second)) {
		t.Errorf("point: %+v; want 1000 rps, 10 failed/s at the fifth second", p)
	}
	for _, q := range []struct{ got, want float64 }{{p.P50, 500}, {p.P95, 950}, {p.P99, 990}} {
		if math.Abs(q.got-q.want)/q.want > 0.045 {
			t.Errorf("quantile %.1f is more than 4.5 %% from %.1f", q.got, q.want)
		}
	}
	if quiet := points[3]; quiet.Requests != 0 || quiet.P99 != 0 {
		t.Errorf("quiet step: %+v", quiet)
	}
	points, err = s.Series(t.Context(), "postgres", signal.Window{Start: at().Add(5 * time.Second), End: at().Add(time.Hour)}, time.Minute)
	if err != nil || len(points) != 60 || points[0].Requests != 50.0/60 {
		t.Errorf("by minute: %v, %d points, first %+v; want 60, the first of 50 requests", err, len(points), points[0])
	}
	_, err = s.Series(t.Context(), "cart", signal.Window{Start: at(), End: at().Add(48 * time.Hour)}, time.Second)
	if err == nil || !strings.Contains(err.Error(), "172800 points") {
		t.Errorf("too many points: %v", err)
	}
}
