package tempo

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/answer"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// traceID is of trace n.
func traceID(n int) string { return fmt.Sprintf("ab%030x", n) }

// api is the API over the engine, with six traces a second apart, the newest last. Each
// begins with a hop of web's sidecar, which fails in trace 3, and has a span of cart.
func api(t *testing.T) (get func(path string, header ...string) *httptest.ResponseRecorder, first time.Time) {
	t.Helper()
	s := clickhousetest.Open(t, storetest.Start(t))
	first = time.Now().UTC().Truncate(time.Second).Add(-time.Minute)
	var rows []clickhouse.SpanRow
	for i := range 6 {
		at := first.Add(time.Duration(i) * time.Second)
		entry := clickhouse.SpanRow{
			TraceID: clickhouse.TraceID{0: 0xab, 15: byte(i)}, SpanID: clickhouse.SpanID{7: 1}, Name: "GET /cart", Kind: "server",
			Workload: clickhouse.Workload{Service: "web", Version: "v1"}, Mesh: true, Start: at, Duration: time.Duration(i+1) * 100 * time.Millisecond,
			Status: "unset", Hop: clickhouse.Hop{Method: "GET", Status: 200, GRPCStatus: -1},
		}
		if i == 3 {
			entry.Hop.Status, entry.Status, entry.Failed = 503, "error", true
		}
		inner := clickhouse.SpanRow{
			TraceID: entry.TraceID, SpanID: clickhouse.SpanID{7: 2}, ParentID: entry.SpanID, Name: "select", Kind: "internal",
			Workload: clickhouse.Workload{Service: "cart"}, Start: at.Add(time.Millisecond), Duration: time.Millisecond, Status: "ok",
			Hop: clickhouse.Hop{GRPCStatus: -1}, EventTimes: []time.Time{at}, EventNames: []string{"row"}, EventAttributes: []map[string]string{{}},
		}
		inner.Strings.Add("customer", fmt.Sprintf("c-%d", i))
		inner.Strings.Add("odd/key", "x")
		inner.Numbers.Add("db.rows", float64(i))
		inner.Numbers.Add("http.status_code", float64(200+i))
		inner.Bools.Add("db.cached", i%2 == 0)
		inner.Resource.Add("host.name", fmt.Sprintf("node-%d", i%2))
		again := inner
		again.SpanID, again.Start = clickhouse.SpanID{7: 3}, at.Add(2*time.Millisecond)
		rows = append(rows, entry, inner, again)
	}
	if err := s.InsertSpans(t.Context(), "spans", rows); err != nil {
		t.Fatal(err)
	}
	h := New(Deps{Finder: s, Attributes: s, Logger: slog.New(slog.DiscardHandler)}).Handler()
	return func(path string, header ...string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		for _, h := range header {
			r.Header.Set("Accept", h)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}, first
}

func decoded[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return v
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func TestOnTheEngine(t *testing.T) {
	get, first := api(t)
	t.Run("trace", func(t *testing.T) { testTrace(t, get) })
	t.Run("search", func(t *testing.T) { testSearch(t, get, first) })
	t.Run("tags", func(t *testing.T) { testTags(t, get) })
	t.Run("rest", func(t *testing.T) {
		for path, want := range map[string]string{
			"/api/echo": "echo", "/ready": "ready",
			"/api/status/buildinfo": `{"branch":"","buildDate":"","buildUser":"","goVersion":"","revision":"sightline","version":"2.9.0"}`,
		} {
			if w := get(path); w.Code != http.StatusOK || w.Body.String() != want {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

func testTrace(t *testing.T, get func(string, ...string) *httptest.ResponseRecorder) {
	const proto = "application/protobuf"
	spans := func(b []byte) (names []string) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, rs := range td.ResourceSpans().All() {
			service, _ := rs.Resource().Attributes().Get("service.name")
			for _, span := range rs.ScopeSpans().At(0).Spans().All() {
				names = append(names, service.Str()+" "+span.Name())
			}
		}
		return names
	}
	want := []string{"web GET /cart", "cart select", "cart select"}
	v1 := get("/api/traces/"+traceID(3)+"?start=1&end=2", proto)
	if diff := cmp.Diff(want, spans(v1.Body.Bytes())); diff != "" || v1.Header().Get("Content-Type") != proto {
		t.Errorf("v1 (-want +got):\n%s", diff)
	}
	v2 := get("/api/v2/traces/"+traceID(3), proto).Body.Bytes()
	number, kind, n := protowire.ConsumeTag(v2)
	trace, length := protowire.ConsumeBytes(v2[n:])
	if number != 1 || kind != protowire.BytesType || n+length != len(v2) {
		t.Fatalf("v2's envelope: field %d of %d and %d bytes of %d", number, n, length, len(v2))
	}
	if diff := cmp.Diff(want, spans(trace)); diff != "" {
		t.Errorf("v2 (-want +got):\n%s", diff)
	}
	type batches []struct {
		ScopeSpans []struct {
			Spans []struct {
				TraceID, Name, Kind, StartTimeUnixNano string
				Status                                 struct{ Code string }
			}
		}
	}
	j1 := decoded[struct{ Batches batches }](t, get("/api/traces/"+traceID(3))).Batches
	j2 := decoded[struct {
		Trace struct{ ResourceSpans batches }
	}](t, get("/api/v2/traces/"+traceID(3), "application/json")).Trace.ResourceSpans
	if diff := cmp.Diff(j1, j2); diff != "" || len(j1) != 2 {
		t.Fatalf("%d batches; JSON of v1 and v2 differ:\n%s", len(j1), diff)
	}
	root := j1[0].ScopeSpans[0].Spans[0]
	id, err := base64.StdEncoding.DecodeString(root.TraceID)
	if hex.EncodeToString(id) != traceID(3) || err != nil || root.Kind != "SPAN_KIND_SERVER" || root.Status.Code != "STATUS_CODE_ERROR" {
		t.Errorf("root %+v, %v", root, err)
	}
	for path, code := range map[string]int{"/api/traces/ff": 404, "/api/v2/traces/ff": 404, "/api/traces/nohex": 400} {
		if w := get(path); w.Code != code || strings.Contains(w.Body.String(), "{") {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, code)
		}
	}
}

func testSearch(t *testing.T, get func(string, ...string) *httptest.ResponseRecorder, first time.Time) {
	ids := func(f found) (n []int) {
		for _, one := range f.Traces {
			var id int
			if _, err := fmt.Sscanf(one.TraceID, "ab%030x", &id); err != nil {
				t.Fatal(err)
			}
			n = append(n, id)
		}
		return n
	}
	for query, want := range map[string][]int{
		`{}`: {5, 4, 3, 2, 1, 0},
		`{resource.service.name="web" && span.http.status_code>=500 && duration>100ms && status=error && name="GET /cart"}`: {3},
		`{span.http.status_code=204}`:                    {4}, // by its older name, of an app
		`{.customer="c-1" || .customer="c-2"}`:           {2, 1},
		`{resource.host.name="node-1" && kind=internal}`: {5, 3, 1},
		`{span.db.rows>=2 && span.db.rows<4}`:            {3, 2},
		`{span.db.cached=true}`:                          {4, 2, 0},
		`{traceDuration>=500ms}`:                         {5, 4},
		`{traceDuration<200ms && rootServiceName="web"}`: {0},
		`{rootServiceName="cart"}`:                       nil,
		`{status=error} && {.customer=~"c-[3-5]"}`:       {3},
		`{.customer=~"c-"}`:                              nil, // the whole value
		`{span.db.cached=nil && name="select"}`:          nil,
		`{event:name="row" && span."odd/key"="x" && trace:id="ab` + strings.Repeat("0", 29) + `2"}`: {2},
	} {
		got := decoded[found](t, get("/api/search?q="+url.QueryEscape(query)))
		if diff := cmp.Diff(want, ids(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	for query, want := range map[string][]int{
		"tags=service.name=web+http.status_code=503": {3},
		`tags=name%3D"GET+/cart"&minDuration=500ms`:  {5, 4},
		"tags=error%3Dtrue":                          {3},
		"tags=customer%3Dc-1":                        {1},
		"maxDuration=150ms":                          {0},
		"limit=2":                                    {5, 4},
		fmt.Sprintf("start=%d&end=%d", first.Unix()+1, first.Unix()+3): {2, 1},
	} {
		if diff := cmp.Diff(want, ids(decoded[found](t, get("/api/search?"+query)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	for query, want := range map[string]string{
		`q={name="a"}|count()>2`: "bad query: q: at character 11: unexpected |", "tags=x": "bad query: parameter tags", "limit=-1": "bad query: parameter limit",
		"start=x": "bad query: parameter start", "q={span.mtls=1}&spss=x": "bad query: parameter spss", "minDuration=5": "bad query: parameter minDuration",
		`q={span.http.response.status_code="x"}`: "find traces: bad query: filter: at character 2: ",
	} {
		w := get("/api/search?" + strings.ReplaceAll(query, " ", "%20"))
		if w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Body.String(), want) {
			t.Errorf("%s: %d %s\nwant %s", query, w.Code, w.Body, want)
		}
	}
	got := decoded[found](t, get("/api/search?spss=1&q="+url.QueryEscape(`{resource.service.name="cart" && span.db.rows=4 && status=ok}`)))
	start := first.Add(4 * time.Second)
	set := spanSet{Matched: 2, Spans: []foundSpan{{
		SpanID: "0000000000000002", Name: "select", Start: nanos(start.Add(time.Millisecond)), Duration: "1000000",
		Attributes: []keyValue{
			{"service.name", map[string]any{"stringValue": "cart"}}, {"db.rows", map[string]any{"intValue": "4"}}, {"status", map[string]any{"stringValue": "ok"}},
		},
	}}}
	want := found{
		Traces:  []foundTrace{{TraceID: traceID(4), Service: "web", Name: "GET /cart", Start: nanos(start), DurationMS: 500, SpanSet: &set, SpanSets: []spanSet{set}}},
		Metrics: jobs{1, 1, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

func testTags(t *testing.T, get func(string, ...string) *httptest.ResponseRecorder) {
	type names struct {
		TagNames []string
		Scopes   []scope
	}
	type values struct{ TagValues []typed }
	v1 := strings.Join(decoded[names](t, get("/api/search/tags")).TagNames, " ")
	for _, want := range []string{"customer", "db.rows", "db.cached", "host.name", "service.name", "http.response.status_code"} {
		if !strings.Contains(" "+v1+" ", " "+want+" ") {
			t.Errorf("v1 lacks %s: %s", want, v1)
		}
	}
	for _, sc := range decoded[names](t, get("/api/v2/search/tags?limit=5000")).Scopes {
		all := " " + strings.Join(sc.Tags, " ") + " "
		has := map[string]string{"span": "customer", "resource": "host.name", "intrinsic": "traceDuration"}
		for name, key := range has {
			if strings.Contains(all, " "+key+" ") != (name == sc.Name) {
				t.Errorf("scope %s has%s; %s belongs to %s", sc.Name, all, key, name)
			}
		}
	}
	if got := decoded[names](t, get("/api/v2/search/tags?scope=resource&limit=1")).Scopes; len(got) != 1 || len(got[0].Tags) != 1 {
		t.Errorf("one name of one scope: %v", got)
	}
	str := func(all ...string) (out []typed) {
		for _, v := range all {
			out = append(out, typed{"string", v})
		}
		return out
	}
	for path, want := range map[string][]typed{
		"resource.service.name": str("cart", "web"), ".service.name": str("cart", "web"), "name": str("GET /cart", "select"),
		"rootName": str("GET /cart"), "rootServiceName": str("web"), "span.service.name": {},
		"resource.host.name": str("node-0", "node-1"), "span.odd%252Fkey": str("x"), "span.http.request.method": str("GET"),
		"span.db.cached": {{"bool", "false"}, {"bool", "true"}}, "status": {{"keyword", "error"}, {"keyword", "ok"}, {"keyword", "unset"}},
		"span.http.response.status_code": {{"int", "200"}, {"int", "503"}}, "duration": {},
		"span.db.rows?limit=2": {{"int", "0"}, {"int", "1"}},
		"span.customer?q=" + url.QueryEscape(`{span.db.rows>4}`): str("c-5"),
		"span.db.cached?q={span.db.rows":                         {{"bool", "false"}, {"bool", "true"}}, // still being written
		"span.customer?start=1&end=2":                            {},
	} {
		tag, query, _ := strings.Cut(path, "?")
		got := decoded[values](t, get("/api/v2/search/tag/"+tag+"/values?"+query)).TagValues
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if got := get("/api/search/tag/host.name/values").Body.String(); got != `{"tagValues":["node-0","node-1"]}` {
		t.Errorf("v1's values: %s", got)
	}
	for path, want := range map[string]string{
		"/api/v2/search/tag/parent.x/values": "bad query: tag: at character 1: unknown field", "/api/v2/search/tags?scope=moon": "bad query: parameter scope",
		"/api/v2/search/tag/span.a/values?start=x": "bad query: parameter start",
	} {
		if w := get(path); w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestNotReady(t *testing.T) {
	if got := answer.Status(fmt.Errorf("%w: %w", answer.ErrNotReady, errors.New("the store"))); got != http.StatusServiceUnavailable {
		t.Errorf("status %d", got)
	}
}
