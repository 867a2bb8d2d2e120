package clickhouse

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

const (
	// envOldEngine is the path of an earlier version's libchdb.so: 560 MB that no test
	// fetches by itself. `npm pack @chdb/lib-linux-x64-gnu@26.5.3` has one.
	envOldEngine = "SIGHTLINE_OLD_ENGINE"
	envOldFills  = "SIGHTLINE_OLD_ENGINE_FILLS" // a directory, in the child process
)

const oldRows = 20_000

// TestOpensWhatAnEarlierEngineWrote: tables that an earlier version of the engine made and
// filled are read, written and merged by this one.
func TestOpensWhatAnEarlierEngineWrote(t *testing.T) {
	if os.Getenv(envOldEngine) == "" {
		t.Skip(envOldEngine + " names no libchdb.so of an earlier version")
	}
	storetest.NeedEngine(t)
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	old := exec.CommandContext(t.Context(), self, "-test.run=^$")
	old.Env = append(os.Environ(), envOldFills+"="+filepath.Join(dir, "store", "engine", "data"))
	if out, err := old.CombinedOutput(); err != nil {
		t.Fatalf("fill with the earlier engine: %v\n%s", err, out)
	}
	s := openStore(t, storetest.Open(t, dir).DSN())
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ofOld := func(extra uint64) {
		t.Helper()
		for query, want := range map[string]uint64{
			"SELECT count() FROM all_spans":                                              oldRows + extra,
			"SELECT countDistinct(trace_id) FROM trace_index":                            oldRows/10 + extra,
			"SELECT toUInt64(sum(spans)) FROM operations":                                oldRows + extra,
			"SELECT count() FROM logs WHERE hasToken(lower(body), 'seven')":              oldRows / 10,
			"SELECT toUInt64(sum(requests)) FROM red":                                    oldRows,
			"SELECT toUInt64(sum(requests)) FROM red_1m":                                 oldRows,
			"SELECT count() FROM samples WHERE metric = 'queue'":                         oldRows,
			"SELECT count() FROM all_spans WHERE has(mapValues(attributes), 'order-17')": 1,
			"SELECT count() FROM otel_traces":                                            oldRows + extra,
		} {
			if got := count(t, s, query); got != want {
				t.Errorf("%s: %d, want %d", query, got, want)
			}
		}
	}
	ofOld(0)
	spans, err := s.Trace(t.Context(), strings.Repeat("0", 31)+"5")
	if err != nil || len(spans) != 10 {
		t.Errorf("the trace has %d spans, %v", len(spans), err)
	}
	page, err := s.SearchTraces(t.Context(), signal.TraceQuery{Filter: `customer = "order-17"`})
	if err != nil || len(page.Traces) != 1 {
		t.Errorf("found %d traces, %v", len(page.Traces), err)
	}
	if err := s.InsertSpans(t.Context(), "new", []SpanRow{{Start: at(), TraceID: [16]byte{1}, SpanID: [8]byte{1}, Workload: Workload{Service: "web"}, Name: "GET", Kind: "server", Status: "ok"}}); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"spans_by_time", "trace_index", "operations", "logs", "red", "red_1m", "samples"} {
		if err := s.conn.Exec(t.Context(), "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			t.Error(err)
		}
	}
	ofOld(1)
}

// fillWithOldEngine does that, and ends the process, where it was started for it.
func fillWithOldEngine() {
	dir := os.Getenv(envOldFills)
	if dir == "" {
		return
	}
	if err := fillOld(os.Getenv(envOldEngine), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func fillOld(library, dir string) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	run, stop, err := openOld(library, dir)
	if err != nil {
		return err
	}
	statements := []string{"CREATE DATABASE sightline", "USE sightline", createMigrations}
	for _, m := range all {
		statements = append(statements, m.statement, fmt.Sprintf("INSERT INTO migrations (version, name) VALUES (%d, '%s')", m.version, m.name))
	}
	for _, one := range append(statements, oldData(at())...) {
		if err := run(one); err != nil {
			return fmt.Errorf("%.60s…: %w", one, err)
		}
	}
	stop()
	return nil
}

// oldData are rows for the tables that views do not fill, in two parts each.
func oldData(now time.Time) []string {
	at := fmt.Sprintf("(toDateTime(%d, 'UTC') + intDiv(number, 100))", now.Unix())
	var all []string
	for _, numbers := range []string{"numbers(10000)", "numbers(10000, 10000)"} {
		all = append(all,
			"INSERT INTO spans_by_time (trace_id, span_id, name, kind, service, start, duration, status, attributes, numbers)"+
				" SELECT unhex(leftPad(hex(toUInt64(intDiv(number, 10))), 32, '0')), unhex(leftPad(hex(toUInt64(number + 1)), 16, '0')),"+
				" 'GET', 'server', 'service-' || toString(number % 10), "+at+", number, 'ok', map('customer', 'order-' || toString(number)), map('size', number) FROM "+numbers,
			"INSERT INTO logs (time, service, body) SELECT "+at+", 'cart', if(number % 10 = 7, 'Seven of ten', 'other') FROM "+numbers,
			"INSERT INTO red (time, destination, source, requests, buckets) SELECT "+at+", 'cart', 'web', 1, map(toInt16(number % 50), toUInt64(1)) FROM "+numbers,
			"INSERT INTO samples (metric, fingerprint, ms, value) SELECT 'queue', number % 10, toUnixTimestamp("+at+") * 1000, number FROM "+numbers,
		)
	}
	return all
}

var errOldEngine = errors.New("earlier engine")

// openOld speaks to a library that has less than package engine asks for.
func openOld(library, dir string) (run func(string) error, stop func(), err error) {
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, nil, err
	}
	var signals func(int32)
	var connect func(int32, **byte) uintptr
	var query func(uintptr, *byte, uintptr, *byte, uintptr) uintptr
	var fault func(uintptr) string
	var closeConn, destroy func(uintptr)
	for name, fn := range map[string]any{
		"chdb_set_signal_handlers_enabled": &signals, "chdb_connect": &connect, "chdb_query_n": &query,
		"chdb_result_error": &fault, "chdb_destroy_query_result": &destroy, "chdb_close_conn": &closeConn,
	} {
		purego.RegisterLibFunc(fn, handle, name)
	}
	signals(0)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	args := []string{"clickhouse\x00", "--path=" + dir + "\x00"}
	argv := []*byte{unsafe.StringData(args[0]), unsafe.StringData(args[1])}
	conn := connect(int32(len(argv)), &argv[0])
	runtime.KeepAlive(args)
	if conn == 0 {
		return nil, nil, fmt.Errorf("%w: no connection", errOldEngine)
	}
	run = func(sql string) error {
		raw := *(*uintptr)(*(*unsafe.Pointer)(unsafe.Pointer(&conn)))
		format := "Null"
		r := query(raw, unsafe.StringData(sql), uintptr(len(sql)), unsafe.StringData(format), uintptr(len(format)))
		defer destroy(r)
		if text := fault(r); text != "" {
			return fmt.Errorf("%w: %s", errOldEngine, text)
		}
		return nil
	}
	return run, func() { closeConn(conn) }, nil
}
