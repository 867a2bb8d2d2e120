package exporter

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestStoreAwayIsRetryable(t *testing.T) {
	server := storetest.Open(t, t.TempDir())
	s, acc := clickhousetest.Open(t, server.DSN()), newBooks()
	p := start(func() (*clickhouse.Store, error) { return s, nil }, acc)
	server.Kill()
	err := p.ConsumeTraces(t.Context(), fiveSpans(1, recently(), 200))
	if err == nil || consumererror.IsPermanent(err) {
		t.Errorf("store gone: %v, want an error that is worth a retry", err)
	}
	notReady := start(func() (*clickhouse.Store, error) { return nil, errors.New("store is starting") }, acc)
	err = notReady.ConsumeTraces(t.Context(), fiveSpans(1, recently(), 200))
	if err == nil || consumererror.IsPermanent(err) {
		t.Errorf("store not ready: %v, want an error that is worth a retry", err)
	}
	if stored, dropped := acc.count(); len(stored)+len(dropped) > 0 {
		t.Errorf("books: stored %v, dropped %v; want nothing decided yet", stored, dropped)
	}
}

func TestMissingTableIsRetryable(t *testing.T) {
	p, s, acc := startOn(t)
	rows, err := s.Query(t.Context(), "DROP TABLE logs SYNC")
	if err != nil {
		t.Fatal(err)
	}
	rows.Close()
	err = s.InsertLogs(t.Context(), "t", []clickhouse.LogRow{{Time: recently()}})
	if err == nil || clickhouse.Permanent(err) {
		t.Errorf("table missing: %v, want an error that is worth a retry", err)
	}
	err = s.InsertSpans(t.Context(), "t", []clickhouse.SpanRow{{Start: recently(), Kind: "nonsense"}})
	if !clickhouse.Permanent(err) {
		t.Errorf("unknown kind: %v, want a permanent error", err)
	}
	_, _ = p, acc
}

// TestStoreDiesUnderLoad kills the store while batches flow and starts it again: all
// that was accepted is there, once.
func TestStoreDiesUnderLoad(t *testing.T) {
	const traces = 400
	dir := t.TempDir()
	server := storetest.Open(t, dir)
	var current atomic.Pointer[clickhouse.Store]
	current.Store(clickhousetest.Open(t, server.DSN()))
	acc := newBooks()
	p := startQueue(t, func() (*clickhouse.Store, error) { return current.Load(), nil }, acc, t.TempDir())
	at := recently()
	for n := range traces {
		if err := p.ConsumeTraces(t.Context(), fiveSpans(uint64(n+1), at.Add(time.Duration(n)*time.Millisecond), 200)); err != nil {
			t.Fatal(err)
		}
		if n == traces/2 {
			await(t, "first batches stored", func() bool { stored, _ := acc.count(); return stored["traces"] > 0 })
			server.Kill()
		}
	}
	server = storetest.Open(t, dir)
	current.Store(clickhousetest.Open(t, server.DSN()))
	await(t, "everything stored", func() bool { stored, _ := acc.count(); return stored["traces"] >= 5*traces })
	s := current.Load()
	for query, want := range map[string]uint64{
		"SELECT count() FROM all_spans":                                     5 * traces,
		"SELECT toUInt64(sum(spans)) FROM trace_index":                      5 * traces,
		"SELECT toUInt64(sum(requests)) FROM red WHERE reporter = 'app'":    traces,
		"SELECT toUInt64(sum(requests)) FROM red_1m WHERE reporter = 'app'": traces,
		"SELECT toUInt64(sum(requests)) FROM red_1h WHERE reporter = 'app'": traces,
	} {
		if got := count(t, s, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	if stored, dropped := acc.count(); stored["traces"] != 5*traces || len(dropped) > 0 {
		t.Errorf("books: stored %v, dropped %v; want %d stored", stored, dropped, 5*traces)
	}
}

// patience is how long what should happen within seconds may take. With a twelfth of a
// processor, as on a machine that compiles beside it, a store takes 56 s over what a
// whole one does in two.
const patience = 3 * time.Minute

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, patience)
		case <-tick.C:
		}
	}
}

func TestHundredThousandSpans(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	p, s, acc := startOn(t)
	const batches, per = 10, 2000 // traces of five spans
	at := recently()
	var took time.Duration
	for b := range batches {
		td := ptrace.NewTraces()
		for n := range per {
			id := uint64(b*per + n + 1)
			fiveSpans(id, at.Add(time.Duration(id)*time.Millisecond), 200).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		}
		begin := time.Now()
		if err := p.ConsumeTraces(t.Context(), td); err != nil {
			t.Fatal(err)
		}
		took += time.Since(begin)
	}
	t.Logf("%d spans in %v: %.0f spans/s", 5*batches*per, took, 5*batches*per/took.Seconds())
	begin := time.Now()
	page, err := s.SearchTraces(t.Context(), signal.TraceQuery{Service: "cart", Text: "customer=c-19999"})
	if err != nil || len(page.Traces) != 1 {
		t.Fatalf("search: %d traces, %v; want 1", len(page.Traces), err)
	}
	t.Logf("attribute search: %v", time.Since(begin))
	begin = time.Now()
	if spans, err := s.Trace(t.Context(), page.Traces[0].TraceID); err != nil || len(spans) != 5 {
		t.Fatalf("trace: %d spans, %v; want 5", len(spans), err)
	}
	t.Logf("trace by id: %v", time.Since(begin))
	if stored, _ := acc.count(); stored["traces"] != 5*batches*per {
		t.Errorf("books: %v, want %d", stored, 5*batches*per)
	}
}

func TestCancelledQuery(t *testing.T) {
	_, s, _ := startOn(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.SearchTraces(ctx, signal.TraceQuery{}); !errors.Is(err, context.Canceled) {
		t.Errorf("search: %v, want context.Canceled", err)
	}
	for _, err := range s.Edges(ctx, signal.Window{Start: recently(), End: time.Now()}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("edges: %v, want context.Canceled", err)
		}
	}
}

// Of a batch in which some rows are refused for good those are dropped, and nothing else.
func TestOnlyWhatIsRefusedIsDropped(t *testing.T) {
	_, s, acc := startOn(t)
	var blocks []*clickhouse.Block[clickhouse.SpanRow]
	for request := range 5 {
		rows := clickhouse.NewSpans()
		for i := range 20 {
			row := clickhouse.SpanRow{
				TraceID: clickhouse.TraceID{1, byte(request)}, SpanID: clickhouse.SpanID{1, byte(i)},
				Start: recently(), Kind: "server", Status: "ok", Name: "GET",
			}
			if request == 2 && i == 7 || request == 4 && i == 19 {
				row.Kind = "nonsense"
			}
			rows.Add(&row)
		}
		blocks = append(blocks, rows.Block())
	}
	x := &sink{open: func() (*clickhouse.Store, error) { return s, nil }, acc: acc}
	b := batch{signal: traces, items: 101, dropped: drops{noTraceID: 1}, store: func(ctx context.Context, s *clickhouse.Store) error {
		return clickhouse.Inserts(func() error { return s.InsertSpanBlocks(ctx, "batch", blocks) })
	}}
	for range 2 { // the second is by a process that does not know of the first
		err := x.deliver(t.Context(), b)
		if !consumererror.IsPermanent(err) || !strings.Contains(err.Error(), "2 of 101 dropped: 2 rows are refused, of the first: ") {
			t.Errorf("%v", err)
		}
	}
	rows, err := s.Query(t.Context(), "SELECT count(), uniqExact(trace_id, span_id) FROM all_spans")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var n, different uint64
	for rows.Next() {
		if err := rows.Scan(&n, &different); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil || n != 98 || different != 98 {
		t.Errorf("%d spans are stored, %d different ones: %v", n, different, err)
	}
	stored, dropped := acc.count()
	if stored[traces] != 2*98 || dropped[traces+" "+refusedByStore] != 2*2 || dropped[traces+" "+noTraceID] != 2 {
		t.Errorf("stored %v, dropped %v", stored, dropped)
	}
}

// Where all are refused, a batch does not become an insert for each of them.
func TestABatchThatDoesNotFitAtAllIsGivenUp(t *testing.T) {
	_, s, _ := startOn(t)
	rows := make([]clickhouse.SpanRow, 1000)
	for i := range rows {
		rows[i] = clickhouse.SpanRow{Start: recently(), Kind: "nonsense"}
	}
	err := s.InsertSpans(t.Context(), "t", rows)
	if refused, ok := errors.AsType[*clickhouse.RefusedError](err); !ok || refused.Rows != len(rows) {
		t.Errorf("%v", err)
	}
}
