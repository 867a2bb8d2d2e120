package clickhouse

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store"
	"github.com/sightline-mesh/sightline/collector/store/cold"
	"github.com/sightline-mesh/sightline/collector/store/engine"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// aDay has days go when they have been over for one.
func aDay() Tiers { return Tiers{engine.Tiered, 24 * time.Hour} }

// sendingStore is the database of a server, whose old days go where tiers say.
func sendingStore(t *testing.T, server *storetest.Server, tiers Tiers) *Store {
	t.Helper()
	s := openStore(t, server.DSN())
	s.cfg.Tiers = tiers
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Tier(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// dayAgo has a batch of each table's rows for a day.
func dayAgo(t *testing.T, s *Store, ago, rows int) {
	t.Helper()
	day := at().AddDate(0, 0, -ago)
	token := fmt.Sprintf("%d days ago", ago)
	var red []REDRow
	var spans []SpanRow
	var logs []LogRow
	for i := range rows {
		row := hop(signal.Source, "web", fmt.Sprintf("cart-%d", i), 5, 0)
		row.Time = day
		red = append(red, row)
		id := [16]byte{byte(ago), byte(i), byte(i >> 8)}
		spans = append(spans, SpanRow{Start: day, TraceID: id, SpanID: [8]byte{1}, Workload: Workload{Service: "web"}, Name: "GET", Kind: "server", Status: "ok"})
		logs = append(logs, LogRow{Time: day, TraceID: id, Workload: Workload{Service: "web"}, Body: strings.Repeat("text ", i%50)})
	}
	if err := errors.Join(s.InsertRED(t.Context(), token, red), s.InsertSpans(t.Context(), token, spans), s.InsertLogs(t.Context(), token, logs)); err != nil {
		t.Fatal(err)
	}
}

// answers are what questions over all days answer, to be the same wherever the days lie.
func answers(t *testing.T, s *Store) map[string]uint64 {
	t.Helper()
	all := map[string]uint64{}
	for _, q := range []string{
		"SELECT sum(requests) FROM red", "SELECT sum(cityHash64(destination, requests)) FROM red_1m",
		"SELECT sum(cityHash64(destination, requests)) FROM edges", "SELECT sum(cityHash64(destination, requests)) FROM edges_1m",
		"SELECT count() FROM spans_by_time", "SELECT sum(cityHash64(trace_id, start)) FROM spans_by_time",
		"SELECT sum(spans) FROM trace_index", "SELECT sum(cityHash64(body, time)) FROM logs",
	} {
		all[q] = count(t, s, q)
	}
	return all
}

// movedDays are the tables that have days on the cold disk, and how many days ago those were.
func movedDays(t *testing.T, s *Store) []string {
	t.Helper()
	var all []string
	var slept uint8 // so that who waits leaves the engine its time
	const q = "SELECT arraySort(groupUniqArray(table || ' ' || toString(dateDiff('day', toDate(partition), toDate(now('UTC'))))) AS all), sleep(0.2) FROM system.parts WHERE active AND disk_name = 'cold' AND database = currentDatabase() AND match(partition, '^\\\\d+-')"
	if err := s.conn.QueryRow(t.Context(), q).Scan(&all, &slept); err != nil {
		t.Fatal(err)
	}
	return all
}

// awaits waits until the engine has come as far in the background.
func awaits(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func threeOldDays() []string {
	return []string{"edges 3", "edges 4", "edges_1m 3", "edges_1m 4", "logs 3", "logs 4", "red 3", "red 4", "red_1m 3", "red_1m 4", "spans_by_time 3", "spans_by_time 4"}
}

func TestOldDaysGoToAnotherPath(t *testing.T) {
	dir, there := t.TempDir(), t.TempDir()
	server := storetest.Open(t, dir)
	s := sendingStore(t, server, Tiers{}) // a store of before
	for _, ago := range []int{0, 1, 3, 4} {
		dayAgo(t, s, ago, 100)
	}
	before := answers(t, s)
	server.Stop()

	with := store.Config{Cold: cold.Config{Path: there}}
	server = storetest.OpenWith(t, dir, with)
	s = sendingStore(t, server, aDay())
	awaits(t, "old days on the other path", func() bool { return cmp.Equal(movedDays(t, s), threeOldDays()) })
	check := func(when string) {
		t.Helper()
		if diff := cmp.Diff(before, answers(t, s)); diff != "" {
			t.Errorf("%s, answers changed:\n%s", when, diff)
		}
	}
	check("moved")
	size, err := s.Size(t.Context())
	if err != nil || size.Cold == 0 || size.Hot == 0 {
		t.Errorf("sizes %+v, %v", size, err)
	}
	changes := count(t, s, "SELECT count() FROM system.mutations")
	if err := s.Tier(t.Context()); err != nil || count(t, s, "SELECT count() FROM system.mutations") != changes {
		t.Errorf("said again, something was changed: %v", err)
	}

	server.Kill()
	server = storetest.OpenWith(t, dir, with)
	s = sendingStore(t, server, aDay())
	check("started again")
	for _, ago := range []int{0, 3} {
		dayAgo(t, s, ago, 100) // a sender's next try of what was stored
	}
	check("sent again")
	server.Stop()

	server = storetest.Open(t, dir) // without the path: all comes back
	s = sendingStore(t, server, Tiers{})
	awaits(t, "the path given up", func() bool {
		_, err := os.Stat(filepath.Join(dir, "store", "cold.json"))
		return len(movedDays(t, s)) == 0 && errors.Is(err, fs.ErrNotExist)
	})
	check("brought back")
	server.Stop()
	if err := os.RemoveAll(there); err != nil {
		t.Fatal(err)
	}
	s = sendingStore(t, storetest.Open(t, dir), Tiers{})
	check("without the path")
}

// Two collectors that are told different things do not undo each other's changes for ever: one
// of them says so.
func TestTiersOfTwoCollectors(t *testing.T) {
	server := storetest.OpenWith(t, t.TempDir(), store.Config{Cold: cold.Config{Path: t.TempDir()}})
	one := sendingStore(t, server, aDay())
	other := openStore(t, server.DSN())
	other.cfg.Tiers = Tiers{engine.Tiered, 72 * time.Hour}
	if err := other.Tier(t.Context()); err != nil {
		t.Fatal(err)
	}
	changes := count(t, one, "SELECT count() FROM system.mutations")
	for range 2 {
		err := one.Tier(t.Context())
		const want = `they go by policy "tiered" when they have been over for 72 h, and not by policy "tiered" when they have been over for 24 h`
		if !errors.Is(err, errContested) || !strings.Contains(err.Error(), want) {
			t.Errorf("told %v", err)
		}
		if err := other.Tier(t.Context()); err != nil {
			t.Errorf("the other is told %v", err)
		}
	}
	if n := count(t, one, "SELECT count() FROM system.mutations"); n != changes {
		t.Errorf("%d changes, then %d", changes, n)
	}
}

// New tables have their tiers as they are made, and what is over a limit goes before its time.
func TestTrimMovesDays(t *testing.T) {
	server := storetest.OpenWith(t, t.TempDir(), store.Config{Cold: cold.Config{Path: t.TempDir()}})
	s := sendingStore(t, server, Tiers{engine.Tiered, 60 * 24 * time.Hour})
	if n := count(t, s, "SELECT count() FROM system.mutations"); n != 0 {
		t.Errorf("new tables were changed %d times", n)
	}
	for _, ago := range []int{0, 1, 2} {
		dayAgo(t, s, ago, 50)
	}
	before := answers(t, s)
	now := at()
	size, err := s.Size(t.Context())
	if err != nil || size.Cold != 0 {
		t.Fatalf("sizes %+v, %v", size, err)
	}
	gone, err := s.Trim(t.Context(), Bytes{Hot: size.Hot - 1}, now)
	if err != nil || len(gone) != 1 || !gone[0].Moved || len(movedDays(t, s)) != len(gone[0].Tables) {
		t.Fatalf("a byte above its limit it moved %+v, %v: there lies %v", gone, err, movedDays(t, s))
	}
	if gone, err = s.Trim(t.Context(), Bytes{Hot: 1}, now); err != nil || len(gone) == 0 {
		t.Fatalf("with no room it moved %+v, %v", gone, err)
	}
	if diff := cmp.Diff(before, answers(t, s)); diff != "" {
		t.Errorf("moved, answers changed:\n%s", diff)
	}
	s.cfg.Tiers = Tiers{} // as while all is brought back
	if gone, err = s.Trim(t.Context(), Bytes{Hot: 1}, now); !errors.Is(err, errDaysLieElsewhere) || len(gone) > 0 {
		t.Errorf("newer days were given up before older ones: %+v, %v", gone, err)
	}
	if gone, err = s.Trim(t.Context(), Bytes{Cold: 1}, now); err != nil || len(gone) == 0 || gone[0].Moved || len(movedDays(t, s)) > 0 {
		t.Fatalf("with no room there it gave up %+v, %v: there lies %v", gone, err, movedDays(t, s))
	}
	for q, want := range map[string]uint64{"SELECT count() FROM spans_by_time": 50, "SELECT count() FROM trace_index": 50, "SELECT count() FROM red": 50} {
		if got := count(t, s, q); got != want {
			t.Errorf("%s: %d, want today's %d", q, got, want)
		}
	}
}

// Killed while days are on their way, the store has each row once.
func TestKilledWhileDaysMove(t *testing.T) {
	dir := t.TempDir()
	with := store.Config{Cold: cold.Config{Path: t.TempDir()}}
	server := storetest.OpenWith(t, dir, with)
	s := sendingStore(t, server, Tiers{})
	for ago := range 6 {
		dayAgo(t, s, ago, 2000)
	}
	before := answers(t, s)
	last := 0
	for range 6 {
		s.cfg.Tiers = aDay()
		if err := s.Tier(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaits(t, "one more day there, or all", func() bool {
			n := len(movedDays(t, s))
			return n > last || n >= 6*4 && count(t, s, "SELECT count() FROM system.moves") == 0
		})
		server.Kill()
		server = storetest.OpenWith(t, dir, with)
		s = sendingStore(t, server, aDay())
		last = len(movedDays(t, s))
		if diff := cmp.Diff(before, answers(t, s)); diff != "" {
			t.Fatalf("killed with %d days moved, answers changed:\n%s", last, diff)
		}
	}
	for ago := range 6 {
		dayAgo(t, s, ago, 2000)
	}
	if diff := cmp.Diff(before, answers(t, s)); diff != "" {
		t.Errorf("sent again, answers changed:\n%s", diff)
	}
}

// Old days in S3 answer as before. With S3 away, new days answer, rows come in, and it is told;
// when it is back, so is everything else. What is kept of its answers is bounded.
func TestOldDaysGoToS3(t *testing.T) {
	storetest.NeedEngine(t)
	bucket, wire := newS3(t)
	dir := t.TempDir()
	const cache = 1 << 20
	with := store.Config{Cold: cold.Config{S3: bucket, CacheBytes: cache}}
	server := storetest.OpenWith(t, dir, with)
	s := sendingStore(t, server, aDay())
	for _, ago := range []int{0, 3, 4} {
		dayAgo(t, s, ago, 3000)
	}
	before := answers(t, s)
	awaits(t, "old days in S3", func() bool { return cmp.Equal(movedDays(t, s), threeOldDays()) })
	if diff := cmp.Diff(before, answers(t, s)); diff != "" {
		t.Errorf("moved, answers changed:\n%s", diff)
	}
	if kept := count(t, s, "SELECT toUInt64(sum(size)) FROM system.filesystem_cache"); kept == 0 || kept > cache {
		t.Errorf("%d bytes are kept of what S3 answered, %d may be", kept, cache)
	}
	server.Kill()
	server = storetest.OpenWith(t, dir, with)
	s = sendingStore(t, server, aDay())
	if diff := cmp.Diff(before, answers(t, s)); diff != "" {
		t.Errorf("started again, answers changed:\n%s", diff)
	}

	wire.sever()
	for _, forget := range []string{"SYSTEM DROP FILESYSTEM CACHE", "SYSTEM DROP MARK CACHE", "SYSTEM DROP UNCOMPRESSED CACHE", "SYSTEM DROP PRIMARY INDEX CACHE"} {
		if err := s.conn.Exec(t.Context(), forget); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, s, "SELECT count() FROM logs WHERE time >= {day:DateTime} AND body LIKE '%text%'", Param("day", at().Truncate(24*time.Hour))); n == 0 {
		t.Error("today does not answer")
	}
	const whole = "SELECT sum(cityHash64(body, time)) FROM logs"
	var n uint64
	if err := s.conn.QueryRow(t.Context(), whole).Scan(&n); err == nil {
		t.Errorf("all days answer %d though S3 is away", n)
	}
	dayAgo(t, s, 1, 10) // come in as ever, whatever their age
	dayAgo(t, s, 5, 10)
	if failure, _, err := s.ColdState(t.Context()); err != nil || failure == "" {
		t.Errorf("nothing is said of S3: %q, %v", failure, err)
	}

	wire.mend()
	awaits(t, "what came in meanwhile in S3", func() bool { return len(movedDays(t, s)) == len(threeOldDays())+4 })
	if got := count(t, s, "SELECT count() FROM logs"); got != 3*3000+20 {
		t.Errorf("%d rows of logs, want %d", got, 3*3000+20)
	}
	count(t, s, whole)
}
