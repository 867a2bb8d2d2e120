package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
	"github.com/sightline-mesh/sightline/ui/api"
	"github.com/sightline-mesh/sightline/ui/session"
)

// reopen is the same site with other sign-in secrets and without a bearer token.
func reopen(s *site, keys *session.Keeper) *site {
	d := s.deps
	d.Sessions = keys
	a, err := api.New(d)
	if err != nil {
		s.t.Fatal(err)
	}
	again := *s
	again.h, again.api, again.keys, again.token = a.Handler(), a, keys, ""
	again.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Authorization")
		a.Handler().ServeHTTP(w, r)
	})
	return &again
}

func TestTracesPage(t *testing.T) {
	s := open(t)
	var first, second signal.TracePage
	s.get("/api/v1/traces?limit=5", &first)
	if len(first.Traces) != 5 || first.Next == "" {
		t.Fatalf("first page: %d traces, next %q", len(first.Traces), first.Next)
	}
	s.get("/api/v1/traces?limit=5&cursor="+first.Next, &second)
	last := first.Traces[4].Start
	for _, tr := range second.Traces {
		if !tr.Start.Before(last) {
			t.Errorf("page 2 has %s, not older than page 1's %s", tr.Start, last)
		}
	}
	var one struct{ Spans []signal.Span }
	s.get("/api/v1/traces/"+first.Traces[0].TraceID, &one)
	if len(one.Spans) != first.Traces[0].Spans {
		t.Errorf("%d spans, the summary says %d", len(one.Spans), first.Traces[0].Spans)
	}
}

// What was set aside of the store is said of a trace that may have lost some of its spans,
// or all of them.
func TestTraceOfADamagedStore(t *testing.T) {
	s := open(t, func(d *api.Deps) {
		d.Store = func() signal.StoreState {
			return signal.StoreState{Damaged: []signal.DamagedPart{{Table: "spans"}, {Table: "logs"}}}
		}
	})
	var page signal.TracePage
	s.get("/api/v1/traces?limit=1", &page)
	var one struct{ Partial string }
	s.get("/api/v1/traces/"+page.Traces[0].TraceID, &one)
	if want := "one damaged part was set aside"; one.Partial != want {
		t.Errorf("partial is %q, want %q", one.Partial, want)
	}
	for _, path := range []string{"/api/v1/traces/", "/api/v1/why/"} {
		got := s.do(http.MethodGet, path+strings.Repeat("e", 32), "")
		if got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), "one damaged part was set aside") {
			t.Errorf("%s: status %d, %s", path, got.Code, got.Body)
		}
	}
}

func TestEmptyListsAreNotNull(t *testing.T) {
	s := open(t, func(d *api.Deps) { d.Graphs = emptyGraphs{}; d.Proxies = nil })
	for target, want := range map[string]string{
		"/api/v1/graph":                  `"nodes":[],"edges":[]`,
		"/api/v1/services":               `"services":[]`,
		"/api/v1/breakers":               `"breakers":[]`,
		"/api/v1/traces?service=nowhere": `"traces":[]`,
		"/api/v1/events?service=nowhere": `"events":[]`,
		"/api/v1/config?kind=Nothing":    `"resources":[]`,
	} {
		if body := s.get(target, nil).Body.String(); !strings.Contains(body, want) {
			t.Errorf("GET %s = %s, want %s in it", target, body, want)
		}
	}
}

func TestWeightsAndUndo(t *testing.T) {
	s := open(t)
	w := s.do("PUT", "/api/v1/traffic/payments", `{"v1":50,"v2":50}`)
	var got mesh.Traffic
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || !got.CanUndo {
		t.Fatalf("PUT = %d %s", w.Code, w.Body)
	}
	if diff := cmp.Diff(map[mesh.Version]uint32{"v1": 50, "v2": 50}, got.Weights); diff != "" {
		t.Error(diff)
	}
	var events struct{ Events []mesh.Event }
	s.get("/api/v1/events?kind=traffic&limit=1", &events)
	if events.Events[0].By != "token" {
		t.Errorf("the change is by %q, want the token's name", events.Events[0].By)
	}
	w = s.do("POST", "/api/v1/traffic/payments/undo", "")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Weights["v2"] != 10 {
		t.Errorf("undo = %s", w.Body)
	}
}

func TestTripAndRelease(t *testing.T) {
	s := open(t)
	var on struct{ Breakers []mesh.Verdict }
	w := s.do("POST", "/api/v1/breakers/trip", `{"service":"reviews","version":"v2","reason":"slow"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &on); err != nil || len(on.Breakers) != 1 {
		t.Fatalf("trip = %d %s", w.Code, w.Body)
	}
	id := `{"id":"` + on.Breakers[0].ID + `"}`
	if w := s.do("POST", "/api/v1/breakers/hold", id); !strings.Contains(w.Body.String(), `"held":true`) {
		t.Errorf("hold = %s", w.Body)
	}
	w = s.do("POST", "/api/v1/breakers/release", id)
	if !strings.Contains(w.Body.String(), `"breakers":[]`) {
		t.Errorf("release = %s", w.Body)
	}
}

func TestRefusedConfigurationNamesTheFinding(t *testing.T) {
	s := open(t)
	w := s.do("POST", "/api/v1/config", "unknown: field")
	if p := problemIn(t, w); w.Code != http.StatusUnprocessableEntity || !strings.Contains(p.Detail, "spec.unknown") || p.Findings == nil {
		t.Errorf("apply = %d %+v", w.Code, p)
	}
	w = s.do("POST", "/api/v1/config/analyze", "unknown: field")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "spec.unknown") {
		t.Errorf("analyze = %d %s", w.Code, w.Body)
	}
	w = s.do("GET", "/api/v1/config/analyze", "")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"code":"SL0104"`) {
		t.Errorf("analyze what is there = %d %s", w.Code, w.Body)
	}
}

// fixedLogs answers every question with the same rows.
type fixedLogs []signal.Log

func (f fixedLogs) Logs(context.Context, signal.LogQuery) (signal.LogPage, error) {
	return signal.LogPage{Logs: f}, nil
}

func (fixedLogs) LogHistogram(context.Context, signal.LogQuery, int) (signal.LogHistogram, error) {
	return signal.LogHistogram{}, errors.ErrUnsupported
}

func TestWhySaysWhoMadeTheStatus(t *testing.T) {
	row := signal.Log{
		Time: noon, Service: "checkout", Peer: "payments", Reporter: signal.Source, Status: 503, Flags: "URX,UF",
		Attributes: map[string]any{
			signal.KeyGenerated: "proxy", signal.KeyAttempts: int64(2), signal.KeyConfig: uint64(7),
			signal.KeyTries: `[{"instance":"payments-1","ms":2.5,"status":0,"reason":"connection refused"},{"instance":"payments-2","ms":1,"status":0}]`,
		},
	}
	fine := signal.Log{Time: noon.Add(-1), Service: "gateway", Status: 200, DurationMS: 3}
	s := open(t, func(d *api.Deps) { d.Logs = fixedLogs{row, fine} })
	var w api.Why
	s.get("/api/v1/why/req-1", &w)
	want := "Status 503 was made by the sidecar of checkout: every allowed attempt failed; the connection to the instance could not be made (after 2 attempts)."
	if w.Summary != want {
		t.Errorf("summary %q, want %q", w.Summary, want)
	}
	h := w.Hops[1]
	if h.GeneratedBy != "proxy" || h.Attempts != 2 || h.ConfigVersion != "7" || len(h.Tries) != 2 || h.Tries[0].Instance != "payments-1" {
		t.Errorf("hop %+v", h)
	}
}

// A trace that was left out was not lost.
func TestTracesThatWereLeftOutSaySo(t *testing.T) {
	const id = "00000000000000000000000000000abc"
	row := signal.Log{Time: noon, TraceID: id, Service: "checkout", Reporter: signal.Source, Status: 200}
	s := open(t, func(d *api.Deps) {
		d.Logs = fixedLogs{row}
		d.LeftOut = func(trace string) (float64, bool) { return 0.0521, trace == id }
	})
	const why = "it was left out as an ordinary one, when 5.21 % of those were kept"
	w := s.do(http.MethodGet, "/api/v1/traces/"+id, "")
	if p := problemIn(t, w); w.Code != http.StatusNotFound || !strings.Contains(p.Detail, why) {
		t.Errorf("%d %s", w.Code, p.Detail)
	}
	other := s.do(http.MethodGet, "/api/v1/traces/00000000000000000000000000000def", "")
	if p := problemIn(t, other); other.Code != http.StatusNotFound || strings.Contains(p.Detail, "left out") {
		t.Errorf("%d %s", other.Code, p.Detail)
	}
	var told api.Why
	s.get("/api/v1/why/"+id, &told)
	if told.Note != "There are no spans of its trace: "+why+"." {
		t.Errorf("note %q", told.Note)
	}
}

// A refusal is no failure of the mesh, and yet what is asked about.
func TestWhySaysWhoRefused(t *testing.T) {
	caller := signal.Log{
		Time: noon, Service: "visitor", Peer: "menu", Reporter: signal.Source, Status: 403,
		Attributes: map[string]any{signal.KeyGenerated: "peer"},
	}
	refused := signal.Log{
		Time: noon.Add(1), Service: "menu", Peer: "visitor", Reporter: signal.Destination, Status: 403, Flags: "UAEX",
		Reason:     "RBAC: denied by policy default/menu",
		Attributes: map[string]any{signal.KeyGenerated: "proxy"},
	}
	s := open(t, func(d *api.Deps) { d.Logs = fixedLogs{caller, refused} })
	var w api.Why
	s.get("/api/v1/why/req-1", &w)
	if want := "Status 403 was made by the sidecar of menu: RBAC: denied by policy default/menu."; w.Summary != want {
		t.Errorf("summary %q, want %q", w.Summary, want)
	}
}

// Who answered is the one that was called, whichever row comes first.
func TestWhySaysWhoAnswered(t *testing.T) {
	caller := signal.Log{Time: noon, Service: "visitor", Peer: "prices", Reporter: signal.Source, Status: 200, DurationMS: 17}
	callee := signal.Log{Time: noon.Add(1), Service: "prices", Peer: "visitor", Reporter: signal.Destination, Status: 200, DurationMS: 16}
	by := func(l signal.Log, who string) signal.Log {
		l.Attributes = map[string]any{signal.KeyGenerated: who}
		return l
	}
	const more = "One row is there yet; rows arrive some seconds after the request, so more may follow."
	old := caller
	old.Time = noon.Add(-time.Hour)
	for name, tt := range map[string]struct {
		rows       []signal.Log
		want, note string
	}{
		"both sides":            {[]signal.Log{by(caller, "app"), by(callee, "app")}, "prices answered 200 in 17.0 ms", ""},
		"the callee's alone":    {[]signal.Log{by(callee, "app")}, "prices answered 200 in 16.0 ms", more},
		"the caller's alone":    {[]signal.Log{by(caller, "app")}, "prices answered 200 in 17.0 ms", more},
		"one of an hour ago":    {[]signal.Log{old}, "prices answered 200 in 17.0 ms", ""},
		"the caller's sidecar":  {[]signal.Log{by(old, "proxy")}, "Status 200 was made by the sidecar of visitor in 17.0 ms", ""},
		"the callee's sidecar":  {[]signal.Log{by(old, "peer")}, "Status 200 was made by the sidecar of prices in 17.0 ms", ""},
		"a record without peer": {[]signal.Log{{Time: old.Time, Service: "gateway", Status: 200}}, "gateway answered 200 in 0.0 ms", ""},
	} {
		s := open(t, func(d *api.Deps) {
			d.Logs, d.Now = fixedLogs(tt.rows), func() time.Time { return noon.Add(time.Second) }
		})
		var w api.Why
		s.get("/api/v1/why/req-1", &w)
		if want := tt.want + "; nothing failed on the way."; w.Summary != want || w.Note != tt.note {
			t.Errorf("%s: %q, note %q; want %q, %q", name, w.Summary, w.Note, want, tt.note)
		}
	}
}

func TestReadiness(t *testing.T) {
	s := open(t, func(d *api.Deps) {
		d.Ready = func(context.Context) error { return errors.New("store: starting") }
	})
	w := s.do("GET", "/readyz", "")
	if p := problemIn(t, w); w.Code != http.StatusServiceUnavailable || !strings.Contains(p.Detail, "store: starting") {
		t.Errorf("readyz = %d %+v", w.Code, p)
	}
}

func TestMountedHandlers(t *testing.T) {
	s := open(t, func(d *api.Deps) {
		d.Prometheus = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) })
		d.RemoteWrite = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		d.Jaeger = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) })
		d.Tempo, d.Zipkin = d.Jaeger, d.Jaeger
		d.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1\n")) })
	})
	if w := s.do("POST", "/prometheus/api/v1/write", ""); w.Code != http.StatusNoContent {
		t.Errorf("remote write = %d %s", w.Code, w.Body)
	}
	if w := s.do("POST", "/prometheus/api/v1/write", "", "Authorization: Bearer no"); w.Code != http.StatusUnauthorized {
		t.Errorf("remote write without sign-in = %d", w.Code)
	}
	if w := s.do("POST", "/prometheus/api/v1/query", "query=up"); w.Body.String() != "/prometheus/api/v1/query" {
		t.Errorf("prometheus = %d %s", w.Code, w.Body)
	}
	if w := s.do("GET", "/prometheus/api/v1/query", "", "Authorization: Bearer no"); w.Code != http.StatusUnauthorized {
		t.Errorf("prometheus without sign-in = %d", w.Code)
	}
	for _, path := range []string{"/jaeger/api/v3/services", "/tempo/api/search", "/tempo/ready", "/zipkin/api/v2/services"} {
		if w := s.do("GET", path, ""); w.Body.String() != path {
			t.Errorf("%s = %d %s", path, w.Code, w.Body)
		}
		if w := s.do("GET", path, "", "Authorization: Bearer no"); w.Code != http.StatusUnauthorized {
			t.Errorf("%s without sign-in = %d", path, w.Code)
		}
	}
	if w := s.do("GET", "/metrics", "", "Authorization: "); w.Body.String() != "up 1\n" {
		t.Errorf("metrics = %d %s", w.Code, w.Body)
	}
}

func TestOpenAPIDescribesTheSurface(t *testing.T) {
	s := open(t)
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	body := s.get("/api/v1/openapi.json", &doc).Body.String()
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %q", doc.OpenAPI)
	}
	for _, path := range []string{
		"/api/v1/graph", "/api/v1/services", "/api/v1/services/{name}", "/api/v1/traces", "/api/v1/traces/{id}", "/api/v1/logs",
		"/api/v1/why/{id}", "/api/v1/traffic/{service}", "/api/v1/traffic/{service}/undo", "/api/v1/events", "/api/v1/breakers",
		"/api/v1/config", "/api/v1/config/analyze", "/api/v1/slos", "/api/v1/alerts", "/api/v1/proxies", "/api/v1/pipeline", "/api/v1/live", "/api/v1/tap",
	} {
		if doc.Paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
	for _, ref := range strings.Split(body, `"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(ref, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("schema %s is referred to and not there", name)
		}
	}
	edge, _ := json.Marshal(doc.Components.Schemas["GraphEdge"])
	if !strings.Contains(string(edge), `"rps":{"type":"number"}`) {
		t.Errorf("rates of an edge are not flattened into it: %s", edge)
	}
}

// emptyGraphs has no graph yet.
type emptyGraphs struct{}

func (emptyGraphs) Current() *graph.Graph { return nil }

func (emptyGraphs) At(context.Context, time.Time, time.Duration) (*graph.Graph, error) {
	return nil, nil
}
