package exporter

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestSearchFilters(t *testing.T) {
	p, s, _ := startOn(t)
	at := recently()
	td := ptrace.NewTraces()
	for i := range 4 { // traces 1 to 4, a second apart; 2 fails, 3 is slow
		n := uint64(i + 1)
		status := 200
		if n == 2 {
			status = 503
		}
		fiveSpans(n, at.Add(time.Duration(n)*time.Second), status).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	hopSpan{trace: 3, id: 99, parent: 31, kind: ptrace.SpanKindClient, service: "web", peer: "slow", path: "/wait%20_", start: at.Add(3 * time.Second), took: time.Second, status: 404}.add(td)
	if err := p.ConsumeTraces(t.Context(), td); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		q    signal.TraceQuery
		want []int
	}{
		{"everything", signal.TraceQuery{}, []int{4, 3, 2, 1}},
		{"service", signal.TraceQuery{Service: "cart"}, []int{4, 3, 2, 1}},
		{"unknown service", signal.TraceQuery{Service: "nobody"}, nil},
		{"errors", signal.TraceQuery{Status: "error"}, []int{2}},
		{"errors of a service", signal.TraceQuery{Service: "cart", Status: "error"}, []int{2}},
		{"no errors", signal.TraceQuery{Status: "ok"}, []int{4, 3, 1}},
		{"code", signal.TraceQuery{Status: "503"}, []int{2}},
		{"code of another service", signal.TraceQuery{Service: "cart", Status: "404"}, nil},
		{"never answered", signal.TraceQuery{Status: "0"}, nil},
		{"slow", signal.TraceQuery{MinDuration: 500 * time.Millisecond}, []int{3}},
		{"quick traces", signal.TraceQuery{MaxDuration: 500 * time.Millisecond}, []int{4, 2, 1}},
		{"quick spans of a service", signal.TraceQuery{Service: "cart", MaxDuration: 10 * time.Millisecond}, []int{4, 3, 2, 1}},
		{"slow and failed in one span", signal.TraceQuery{Status: "503", MinDuration: 500 * time.Millisecond}, nil},
		{"span name", signal.TraceQuery{Text: "select ITEMS"}, []int{4, 3, 2, 1}},
		{"path, with characters special elsewhere", signal.TraceQuery{Text: "/wait%20_"}, []int{3}},
		{"no wildcards", signal.TraceQuery{Text: "/wait_"}, nil},
		{"request id", signal.TraceQuery{Text: "req-4"}, []int{4}},
		{"attribute", signal.TraceQuery{Text: "customer=c-2"}, []int{2}},
		{"number", signal.TraceQuery{Text: "db.rows=17"}, []int{4, 3, 2, 1}},
		{"bool", signal.TraceQuery{Text: "db.cached=false"}, []int{4, 3, 2, 1}},
		{"missing bool", signal.TraceQuery{Text: "never.there=false"}, nil},
		{"resource", signal.TraceQuery{Text: "host.name=node-1"}, []int{4, 3, 2, 1}},
		{"column", signal.TraceQuery{Text: "sightline.peer.service=slow"}, []int{3}},
		{"one flag of several", signal.TraceQuery{Text: "sightline.flags=URX"}, []int{2}},
		{"quotes are values", signal.TraceQuery{Text: `customer=' OR 1=1 --`}, nil},
		{"tab and backslash", signal.TraceQuery{Text: "a\tb\\"}, nil},
		{"window", signal.TraceQuery{Start: at.Add(2 * time.Second), End: at.Add(3 * time.Second)}, []int{2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			page, err := s.SearchTraces(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, numbers(t, page.Traces)); diff != "" {
				t.Errorf("traces (-want +got):\n%s", diff)
			}
		})
	}
	page, err := s.SearchTraces(t.Context(), signal.TraceQuery{Status: "error"})
	if err != nil {
		t.Fatal(err)
	}
	want := signal.TraceSummary{
		TraceID: "ab000000000000000000000000000002", RootService: "web", RootName: "GET ", Start: at.Add(2 * time.Second),
		DurationNS: 50e6, Spans: 5, Errors: 3, Services: []string{"cart", "web"},
	}
	if diff := cmp.Diff(want, page.Traces[0]); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

// numbers reads the traces' numbers out of their ids.
func numbers(t *testing.T, found []signal.TraceSummary) []int {
	t.Helper()
	var all []int
	for _, f := range found {
		n, err := strconv.ParseInt(f.TraceID[16:], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, int(n))
	}
	return all
}

// TestSearchPages stores traces over hours, in batches that tear each trace apart, and
// some at the very same time.
func TestSearchPages(t *testing.T) {
	p, s, _ := startOn(t)
	const traces, batches = 100, 4
	end := recently()
	var parts [batches]ptrace.Traces
	for i := range parts {
		parts[i] = ptrace.NewTraces()
	}
	var want []int
	for n := 1; n <= traces; n++ {
		at := end.Add(-time.Duration(traces-n/3) * 5 * time.Minute) // three at each time
		for i, rs := range fiveSpans(uint64(n), at, 200).ResourceSpans().All() {
			rs.CopyTo(parts[(n+i)%batches].ResourceSpans().AppendEmpty())
		}
		want = append([]int{n}, want...)
	}
	for _, td := range parts {
		if err := p.ConsumeTraces(t.Context(), td); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []signal.TraceQuery{{Limit: 7}, {Limit: 10, Service: "cart"}, {Limit: traces}, {Limit: 9, Start: end.Add(-24 * time.Hour), End: end}} {
		t.Run(fmt.Sprintf("%d of %q", q.Limit, q.Service), func(t *testing.T) {
			var got []int
			for pages := 0; ; pages++ {
				page, err := s.SearchTraces(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, tr := range page.Traces {
					if tr.Spans != 5 {
						t.Errorf("trace %s has %d spans, want 5", tr.TraceID, tr.Spans)
					}
				}
				got = append(got, numbers(t, page.Traces)...)
				if page.Next == "" {
					break
				}
				if q.Cursor = page.Next; pages > traces {
					t.Fatal("pages never end")
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("all pages (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := s.SearchTraces(t.Context(), signal.TraceQuery{Cursor: "nonsense"}); err == nil {
		t.Error("a cursor that no page gave was taken")
	}
}

func TestLogs(t *testing.T) {
	p, s, acc := startOn(t)
	at := recently()
	ld := plog.NewLogs()
	for n := range 3 {
		accessRecord(ld, uint64(n+1), at.Add(-time.Duration(n)*time.Hour), 200+300*(n%2))
	}
	rl := ld.ResourceLogs().AppendEmpty()
	workload(rl.Resource(), "cart", "cart-v1-1")
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.Body().SetStr("out of Stock")
	r.SetObservedTimestamp(stamp(at.Add(time.Second)))
	r.SetSeverityNumber(plog.SeverityNumberWarn2)
	r.Attributes().PutInt("item", 5)
	if err := p.ConsumeLogs(t.Context(), ld); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    signal.LogQuery
		want []string // request id, else body
	}{
		{signal.LogQuery{}, []string{"out of Stock", "req-1", "req-2", "req-3"}},
		{signal.LogQuery{Limit: 2}, []string{"out of Stock", "req-1"}},
		{signal.LogQuery{Service: "web"}, []string{"req-1", "req-2", "req-3"}},
		{signal.LogQuery{MinStatus: 500}, []string{"req-2"}},
		{signal.LogQuery{RequestID: "req-3"}, []string{"req-3"}},
		{signal.LogQuery{TraceID: "ab000000000000000000000000000002"}, []string{"req-2"}},
		{signal.LogQuery{Text: "of stock"}, []string{"out of Stock"}},
		{signal.LogQuery{Text: "refused"}, []string{"req-1", "req-2", "req-3"}},
		{signal.LogQuery{Start: at.Add(-90 * time.Minute), End: at}, []string{"req-2"}},
	} {
		got, err := s.Logs(t.Context(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, l := range got.Logs {
			ids = append(ids, l.RequestID+l.Body)
		}
		if diff := cmp.Diff(c.want, ids); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.q, diff)
		}
	}
	got, err := s.Logs(t.Context(), signal.LogQuery{RequestID: "req-1"})
	if err != nil {
		t.Fatal(err)
	}
	want := []signal.Log{{
		Time: at, Service: "web", Version: "v1", Instance: "web-v1-1", Reporter: "source", Peer: "cart", PeerVersion: "v2",
		Method: "GET", Path: "/items", Status: 200, Flags: "UF", Reason: "connect: connection refused", DurationMS: 12.5,
		RequestID: "req-1", TraceID: "ab000000000000000000000000000001", SpanID: "0000000000000001", Severity: "INFO",
		Attributes: map[string]any{
			"host.name": "node-1", signal.KeyPeer: "cart", signal.KeyMTLS: true, signal.KeyAttempts: int64(2),
			signal.KeyTries:     `[{"instance":"cart-v2-1","ms":1.5,"status":0}]`,
			signal.KeyAuthority: "cart:8080", signal.KeyBytesIn: int64(0), signal.KeyBytesOut: int64(1234), signal.KeyFirstByte: 0.0,
		},
	}}
	delete(want[0].Attributes, signal.KeyPeer) // it has a field
	if diff := cmp.Diff(want, got.Logs); diff != "" {
		t.Errorf("access row (-want +got):\n%s", diff)
	}
	if stored, _ := acc.count(); stored["logs"] != 4 {
		t.Errorf("books: %v, want 4 logs", stored)
	}
}

func TestFailedTracesAndServices(t *testing.T) {
	p, s, _ := startOn(t)
	at := recently()
	td := ptrace.NewTraces()
	for n, status := range []int{200, 503, 200, 0} {
		fiveSpans(uint64(n), at.Add(time.Duration(n)*time.Second), status).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	if err := p.ConsumeTraces(t.Context(), td); err != nil {
		t.Fatal(err)
	}
	w := signal.Window{Start: at, End: at.Add(time.Minute)}
	for _, c := range []struct {
		q    clickhouse.FailureQuery
		want []string
	}{
		{clickhouse.FailureQuery{Service: "cart", Window: w}, []string{"ab000000000000000000000000000003", "ab000000000000000000000000000001"}},
		{clickhouse.FailureQuery{Service: "cart", Window: w, Limit: 1}, []string{"ab000000000000000000000000000003"}},
		{clickhouse.FailureQuery{Service: "cart", Version: "v2", Instance: "cart-v2-1", Window: w, Limit: 1}, []string{"ab000000000000000000000000000003"}},
		{clickhouse.FailureQuery{Service: "cart", Version: "v9", Window: w}, nil},
		{clickhouse.FailureQuery{Service: "users", Window: w}, nil},
		{clickhouse.FailureQuery{Service: "cart", Window: signal.Window{Start: at.Add(-time.Minute), End: at}}, nil},
	} {
		got, err := s.FailedTraces(t.Context(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.q, diff)
		}
	}
	page, err := s.SearchTraces(t.Context(), signal.TraceQuery{Status: "0"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{3}, numbers(t, page.Traces)); diff != "" {
		t.Errorf("never answered (-want +got):\n%s", diff)
	}
	names, err := s.Services(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"cart", "db.internal", "web"}, names); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
}
