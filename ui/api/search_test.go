package api_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/ui/api"
)

func TestFilterMistakesNameTheirPlace(t *testing.T) {
	s := open(t)
	filter := url.QueryEscape(`service = cart AND nonsense`)
	for _, path := range []string{"traces", "traces/heatmap", "traces/deltas", "logs", "logs/histogram"} {
		target := "/api/v1/" + path + "?filter=" + filter
		if path == "traces/deltas" {
			target += "&selected=status+%3D+error"
		}
		w := s.do(http.MethodGet, target, "")
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s = %d %s", target, w.Code, w.Body)
			continue
		}
		want := []api.FieldError{{Field: "filter", Message: `want a comparison such as service = "cart"`, At: 20}}
		if diff := cmp.Diff(want, problemIn(t, w).Errors); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestHeatmapAndDeltasAreOfTheSearch(t *testing.T) {
	s := open(t)
	const search = "service=payments&start=2026-03-01T11:00:00Z&end=2026-03-01T12:00:00Z"
	var h signal.Heatmap
	s.get("/api/v1/traces/heatmap?columns=12&"+search, &h)
	var spans uint64
	for _, c := range h.Cells {
		spans += c.Spans
		if c.Column < 0 || c.Column >= 12 || c.Errors > c.Spans {
			t.Errorf("cell %+v", c)
		}
	}
	if h.StepMS != 300_000 || spans == 0 || spans != h.Spans {
		t.Errorf("%d spans in columns of %d ms; the cells have %d", h.Spans, h.StepMS, spans)
	}
	var d signal.Deltas
	s.get("/api/v1/traces/deltas?selected=status+%3D+error&"+search, &d)
	if d.Inside != h.Errors || d.Inside+d.Outside != h.Spans || len(d.Keys) == 0 {
		t.Errorf("%d and %d spans differ in %d keys; the heatmap has %d, %d of them failed", d.Inside, d.Outside, len(d.Keys), h.Spans, h.Errors)
	}
	w := s.do(http.MethodGet, "/api/v1/traces/deltas?"+search, "")
	if p := problemIn(t, w); w.Code != http.StatusBadRequest || p.Errors[0].Field != "selected" {
		t.Errorf("nothing selected = %d %+v", w.Code, p)
	}
}

func TestLogsPageAndHistogram(t *testing.T) {
	s := open(t)
	var page, next signal.LogPage
	s.get("/api/v1/logs?limit=10", &page)
	s.get("/api/v1/logs?limit=10&cursor="+page.Next, &next)
	if page.Next == "" || len(next.Logs) == 0 || next.Logs[0].TraceID == page.Logs[0].TraceID {
		t.Errorf("page of %d rows, next %q of %d", len(page.Logs), page.Next, len(next.Logs))
	}
	var h signal.LogHistogram
	s.get("/api/v1/logs/histogram?bins=6&start=2026-03-01T11:50:00Z&end=2026-03-01T12:00:00Z", &h)
	var rows uint64
	for _, bin := range h.Bins {
		if len(bin) != 6 {
			t.Errorf("%d bins, want 6", len(bin))
		}
		for _, n := range bin {
			rows += n
		}
	}
	if rows == 0 || rows != h.Total {
		t.Errorf("the bins hold %d rows, the total is %d", rows, h.Total)
	}
}

func TestCompletions(t *testing.T) {
	s := open(t)
	var got struct{ Completions []signal.Completion }
	s.get("/api/v1/attributes?typed=SERV", &got)
	if len(got.Completions) != 1 || got.Completions[0].Text != "service" || got.Completions[0].Seen == 0 {
		t.Errorf("keys with SERV: %+v", got.Completions)
	}
	s.get("/api/v1/attributes/values?key=service&typed=pay", &got)
	if len(got.Completions) != 1 || got.Completions[0].Text != "payments" {
		t.Errorf("services with pay: %+v", got.Completions)
	}
	if body := s.get("/api/v1/attributes/values?key=nothing", nil).Body.String(); body != `{"completions":[]}` {
		t.Errorf("values of nothing: %s", body)
	}
	w := s.do(http.MethodGet, "/api/v1/attributes/values", "")
	if p := problemIn(t, w); w.Code != http.StatusBadRequest || p.Errors[0].Field != "key" {
		t.Errorf("values of no key = %d %+v", w.Code, p)
	}
}
