package promql

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestAPI(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Second)
	traffic(t, s, end)
	h := New(Config{}, s).Handler(nil)
	at := strconv.FormatInt(end.Unix(), 10)
	for _, c := range []struct{ path, form, want string }{
		{"/query", "query=1%2B1&time=10", `{"status":"success","data":{"resultType":"scalar","result":[10,"2"]}}`},
		{"/query", "query=vector(0)%2F0&time=2026-01-01T00:00:00Z", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1767225600,"NaN"]}]}}`},
		{"/query", "query=nothing&time=10", `{"status":"success","data":{"resultType":"vector","result":[]}}`},
		{
			"/query", "time=" + at + "&query=" + url.QueryEscape(`sum by (destination_service_name) (rate(istio_requests_total{reporter="destination",destination_workload_namespace="default",destination_workload=~"catalog.*",response_code!~"5.*"}[1m]))`),
			`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"destination_service_name":"catalog"},"value":[` + at + `,"9"]}]}}`,
		},
		{"/query_range", "query=vector(1)&start=0&end=30&step=15s", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"],[15,"1"],[30,"1"]]}]}}`},
		{"/labels", "match[]=traces_service_graph_request_total", `{"status":"success","data":["__name__","client","server"]}`},
		{"/label/server/values", "", `{"status":"success","data":["catalog","db","reviews.shop"]}`},
		{"/label/le/values", "match[]=" + url.QueryEscape(`istio_request_duration_milliseconds_bucket{le=~"10|50"}`), `{"status":"success","data":["10","50"]}`},
		{"/series", "match[]=" + url.QueryEscape(`traces_service_graph_request_total{client="gateway"}`), `{"status":"success","data":[{"__name__":"traces_service_graph_request_total","client":"gateway","server":"catalog"}]}`},
		{"/label/__name__/values", "limit=2", `{"status":"success","data":["istio_request_bytes_count","istio_request_bytes_sum"],"warnings":["results truncated due to limit"]}`},
		{"/metadata", "metric=istio_requests_total", `{"status":"success","data":{"istio_requests_total":[{"type":"counter","unit":"","help":"Requests, as the sidecars at both ends saw them."}]}}`},
		{"/format_query", "query=" + url.QueryEscape("sum(rate(a[5m]))by(b)"), `{"status":"success","data":"sum by (b) (rate(a[5m]))"}`},
		{"/status/config", "", `{"status":"success","data":{"yaml":"global:\n  scrape_interval: 1s\n"}}`},
		{"/query_exemplars", "query=a", `{"status":"success","data":[]}`},
		{"/query", "query=" + url.QueryEscape(`vector(1) or label_replace(vector(2), "a", "b", "", "")`) + "&time=1&limit=1", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]},"warnings":["results truncated due to limit"]}`},
		{"/query", "query=1&time=1&lookback_delta=30s", `{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`},
		{"/parse_query", "query=" + url.QueryEscape(`-sum by (a) (rate(x{b=~"c"}[5m]))`), `{"status":"success","data":{"expr":{"expr":{"args":[{"anchored":false,"matchers":[{"name":"b","type":"=~","value":"c"},{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":null,"range":300000,"rangeExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"matrixSelector"}],"func":{"argTypes":["matrix"],"name":"rate","returnType":"vector","variadic":0},"type":"call"},"grouping":["a"],"op":"sum","param":null,"type":"aggregation","without":false},"op":"-","type":"unaryExpr"}}`},
		{"/targets", "", `{"status":"success","data":{"activeTargets":[],"droppedTargets":[]}}`},
		{"/rules", "", `{"status":"success","data":{"groups":[]}}`},
		{"/alerts", "", `{"status":"success","data":{"alerts":[]}}`},
	} {
		get := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path+"?"+c.form, nil)
		post := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, strings.NewReader(c.form))
		post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, r := range []*http.Request{get, post} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := strings.TrimSpace(w.Body.String()); got != c.want || w.Code != http.StatusOK {
				t.Errorf("%s %s?%s: %d\n got %s\nwant %s", r.Method, c.path, c.form, w.Code, got, c.want)
			}
		}
	}
	t.Run("errors", func(t *testing.T) { apiErrors(t, h) })
}

func apiErrors(t *testing.T, h http.Handler) {
	for request, want := range map[string]struct {
		status int
		kind   string
	}{
		"/query?query=sum(":                           {400, "bad_data"},
		"/query":                                      {400, "bad_data"},
		"/query?query=1&time=x":                       {400, "bad_data"},
		"/query_range?query=1&start=0&end=1":          {400, "bad_data"},
		"/query_range?query=1&start=2&end=1&step=1":   {400, "bad_data"},
		"/query_range?query=1&start=0&end=1e9&step=1": {400, "bad_data"},
		"/query_range?query=1&start=0&end=1&step=0":   {400, "bad_data"},
		"/series":           {400, "bad_data"},
		"/series?match[]={": {400, "bad_data"},
		"/labels?limit=x":   {400, "bad_data"},
		"/query?query=label_replace(up,%22~%22,%22%22,%22%22,%22(%22)": {422, "execution"},
		"/query?query=istio_requests_total*on()istio_requests_total":   {422, "execution"},
		"/query?query=up&timeout=1e-9":                                 {503, "timeout"},
		"/nowhere":                                                     {404, "not_found"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, request, nil))
		var got envelope
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s: %v: %s", request, err, w.Body)
		}
		if w.Code != want.status || got.ErrorType != want.kind || got.Status != "error" || got.Error == "" {
			t.Errorf("%s: got %d %s", request, w.Code, w.Body)
		}
	}
}

func TestTooManyRows(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Second)
	traffic(t, s, end)
	h := New(Config{MaxRows: 10}, s).Handler(nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/query?query="+url.QueryEscape("max_over_time(istio_requests_total[5m])"), nil))
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "too many rows") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestTimeOf(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?t="+url.QueryEscape(text), nil)
		got, err := timeOf(r, "t", time.Time{})
		if s := got.UTC().Format(time.RFC3339Nano); err != nil && want != "" || err == nil && s != want {
			t.Errorf("%q: got %s, %v", text, s, err)
		}
	}
	f("1.5", "1970-01-01T00:00:01.5Z")
	f("2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05Z")
	f("", "")
	f("yesterday", "")
	f("1e300", "")
}
