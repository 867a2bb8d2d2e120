package clickhouse

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// TestNames asks the engine for what a menu lists: services, and their operations.
func TestNames(t *testing.T) {
	s, now := openMigrated(t), time.Now().UTC().Truncate(time.Second)
	rows := []SpanRow{}
	add := func(service, kind, name string, at time.Time) {
		rows = append(rows, SpanRow{
			TraceID: TraceID{15: byte(len(rows) + 1)}, SpanID: SpanID{7: 1}, Name: name, Kind: kind,
			Workload: Workload{Service: service}, Start: at, Status: "unset", Hop: Hop{GRPCStatus: -1},
		})
	}
	for range 2 { // of which one is told
		add("web", "server", "GET /cart", now)
	}
	add("web", "client", "GET /cart", now)
	add("web", "server", "GET /", now)
	add("web", "server", "GET /old", now.Add(-48*time.Hour))
	add("cart", "internal", "select", now)
	red := []REDRow{hop(signal.Source, "web", "pay", 1, 0), hop(signal.Source, signal.Overflow, signal.Overflow, 1, 0), hop(signal.Destination, "", "web", 1, 0)}
	if err := s.InsertSpans(t.Context(), "spans", rows); err != nil {
		t.Fatal(err)
	}
	if err := s.InsertRED(t.Context(), "red", red); err != nil {
		t.Fatal(err)
	}
	hours := func(from, to int) signal.Window {
		return signal.Window{Start: now.Add(time.Duration(from) * time.Hour), End: now.Add(time.Duration(to)*time.Hour + time.Second)}
	}
	for name, c := range map[string]struct {
		service, kind string
		window        signal.Window
		want          []Operation
	}{
		"every kind":      {"web", "", hours(-1, 0), []Operation{{"GET /", "server"}, {"GET /cart", "client"}, {"GET /cart", "server"}}},
		"one kind":        {"web", "client", hours(-1, 0), []Operation{{"GET /cart", "client"}}},
		"days":            {"web", "server", hours(-50, 0), []Operation{{"GET /", "server"}, {"GET /cart", "server"}, {"GET /old", "server"}}},
		"another service": {"cart", "", hours(-1, 0), []Operation{{"select", "internal"}}},
		"no such kind":    {"web", "robot", hours(-1, 0), nil},
		"nobody":          {"pay", "", hours(-1, 0), nil},
		"quiet hours":     {"web", "", hours(-24, -5), nil},
	} {
		got, err := s.Operations(t.Context(), c.service, c.kind, c.window)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	got, err := s.Services(t.Context(), hours(-2, 0))
	if diff := cmp.Diff([]string{"cart", "pay", "web"}, got); diff != "" || err != nil {
		t.Errorf("services: %v (-want +got):\n%s", err, diff)
	}
}

// TestDependencies has every request counted once, as in TestEdges.
func TestDependencies(t *testing.T) {
	s := openMigrated(t)
	flagged := hop(signal.Source, "web", "cart", 3, 3)
	flagged.Flags, flagged.Instance = "UF", "cart-2"
	later := hop(signal.Source, "web", "cart", 100, 0)
	later.Time = at().Add(3 * time.Minute)
	opened := hop(signal.Source, "web", "stream", 0, 0)
	opened.Opened = 5
	rows := []REDRow{
		hop(signal.Source, "web", "cart", 10, 1), flagged, later, opened,
		hop(signal.Destination, "web", "cart", 20, 4), // what the source said already
		hop(signal.Destination, "", "web", 7, 0),      // by nobody of the mesh
		hop(signal.AppSpan, "cart", "postgres", 4, 0),
		hop(signal.AppSpan, "web", "cart", 20, 0), // the app saw what its sidecar saw
		hop(signal.Source, signal.Overflow, signal.Overflow, 9, 0), hop(signal.Source, "web", signal.Overflow, 9, 0),
	}
	if err := s.InsertRED(t.Context(), "red", rows); err != nil {
		t.Fatal(err)
	}
	postgres := Dependency{"cart", "postgres", 4, 0}
	for name, c := range map[string]struct {
		start, end time.Duration
		want       []Dependency
	}{
		"all":                 {-time.Hour, 5 * time.Minute, []Dependency{postgres, {"web", "cart", 113, 4}}},
		"first minute":        {0, time.Minute, []Dependency{postgres, {"web", "cart", 13, 4}}},
		"from within it":      {30 * time.Second, time.Minute, []Dependency{postgres, {"web", "cart", 13, 4}}},
		"after it":            {time.Minute, 5 * time.Minute, []Dependency{{"web", "cart", 100, 0}}},
		"before any":          {-time.Hour, 0, nil},
		"ends before it does": {5 * time.Minute, 0, nil},
	} {
		got, err := s.Dependencies(t.Context(), signal.Window{Start: at().Add(c.start), End: at().Add(c.end)})
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}
