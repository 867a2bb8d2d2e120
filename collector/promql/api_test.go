package promql

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestAPI(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Second)
	traffic(t, s, end)
	var samples []clickhouse.Sample
	for i := range 60 {
		samples = append(samples, clickhouse.Sample{Metric: "stored", Labels: map[string]string{"job": "a"}, Time: end.Add(time.Duration(i-60) * 5 * time.Second), Value: float64(5 * i)})
	}
	if err := s.InsertSamples(t.Context(), "stored", samples); err != nil {
		t.Fatal(err)
	}
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
		{"/targets", "", `{"status":"success","data":{"activeTargets":[],"droppedTargetCounts":{},"droppedTargets":[]}}`},
		{"/targets/metadata", "", `{"status":"success","data":[]}`},
		{"/scrape_pools", "", `{"status":"success","data":{"scrapePools":[]}}`},
		{"/alertmanagers", "", `{"status":"success","data":{"activeAlertmanagers":[],"droppedAlertmanagers":[]}}`},
		{"/status/flags", "", `{"status":"success","data":{"query.lookback-delta":"5m","query.max-concurrency":"20","query.max-samples":"50000000","query.timeout":"2m","storage.tsdb.retention.time":"30d","web.enable-admin-api":"false","web.enable-lifecycle":"false","web.enable-remote-write-receiver":"true"}}`},
		{"/query", "query=" + url.QueryEscape(`rate(istio_requests_total{a="b"}[5m]) + sum_over_time(nothing[5m])`) + "&time=1", `{"status":"success","data":{"resultType":"vector","result":[]}}`},
		{"/query", "query=" + url.QueryEscape(`rate(stored[5m]) > bool 0`) + "&time=" + at, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"a"},"value":[` + at + `,"1"]}]},"infos":["PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"stored\" (1:6)"]}`},
		{"/query", "query=" + url.QueryEscape(`quantile(2, stored)`) + "&time=" + at, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[` + at + `,"+Inf"]}]},"warnings":["PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"]}`},
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
	t.Run("statistics", func(t *testing.T) { apiStatistics(t, h, at) })
}

// apiStatistics asks what differs from run to run.
func apiStatistics(t *testing.T, h http.Handler, at string) {
	for request, wants := range map[string][]string{
		"/query_range?query=stored&step=60&start=" + at + "&end=" + at + "&stats=all":  {`"totalQueryableSamples":1`, `"totalQueryableSamplesPerStep":[[` + at + `,1]]`, `"execTotalTime":`},
		"/query_range?query=stored&step=60&start=" + at + "&end=" + at + "&stats=true": {`"totalQueryableSamples":1`, `"peakSamples":`},
		"/query?query=stored&stats=1&time=" + at:                                       {`"totalQueryableSamples":1`, `deprecated`},
		"/status/runtimeinfo":                                                          {`"startTime":"20`, `"serverTime":"20`, `"storageRetention":"30d"`, `"reloadConfigSuccess":true`, `"GOMAXPROCS":`},
		"/status/buildinfo":                                                            {`"version":"3.`, `"goVersion":"go`},
		"/status/tsdb?limit=1":                                                         {`"numSeries":1,"numLabelPairs":2,"chunkCount":0,"minTime":1`, `"seriesCountByMetricName":[{"name":"stored","value":1}]`, `"labelValueCountByLabelName":[{"name":"__name__","value":1}]`, `"memoryInBytesByLabelName":[{"name":"__name__","value":6}]`, `"seriesCountByLabelValuePair":[{"name":"__name__=stored","value":1}]`},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, request, nil))
		for _, want := range wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: no %s in %s", request, want, w.Body)
			}
		}
	}
}

// apiErrors are spelled as Prometheus does, for clients that look for the words.
func apiErrors(t *testing.T, h http.Handler) {
	for request, want := range map[string]struct {
		status     int
		kind, text string
	}{
		"/query?query=sum(":                            {400, "bad_data", `invalid parameter "query": 1:5: parse error: unclosed left parenthesis`},
		"/query":                                       {400, "bad_data", `invalid parameter "query": unknown position: parse error: no expression found in input`},
		"/query?query=1&time=x":                        {400, "bad_data", `invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp`},
		"/query?query=1&limit=x":                       {400, "bad_data", `invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax`},
		"/query?query=1&limit=-1":                      {400, "bad_data", `invalid parameter "limit": limit must be non-negative`},
		"/query?query=1&timeout=x":                     {400, "bad_data", `invalid parameter "timeout": cannot parse "x" to a valid duration`},
		"/query?query=1&lookback_delta=x":              {400, "bad_data", `error parsing lookback delta duration: cannot parse "x" to a valid duration`},
		"/query_range?query=1":                         {400, "bad_data", `invalid parameter "start": cannot parse "" to a valid timestamp`},
		"/query_range?query=1&start=0&end=1":           {400, "bad_data", `invalid parameter "step": cannot parse "" to a valid duration`},
		"/query_range?query=1&start=0&end=1&step=1e99": {400, "bad_data", `invalid parameter "step": cannot parse "1e99" to a valid duration. It overflows int64`},
		"/query_range?query=1&start=2&end=1&step=1":    {400, "bad_data", `invalid parameter "end": end timestamp must not be before start time`},
		"/query_range?query=1&start=0&end=1e9&step=1":  {400, "bad_data", `exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)`},
		"/query_range?query=1&start=0&end=1&step=0":    {400, "bad_data", `invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer`},
		"/query_exemplars?query=a&start=2&end=1":       {400, "bad_data", `invalid parameter "end": end timestamp must not be before start timestamp`},
		"/series":                                      {400, "bad_data", `no match[] parameter provided`},
		"/series?match[]={":                            {400, "bad_data", `invalid parameter "match[]": 1:2: parse error: unexpected end of input inside braces`},
		"/series?match[]={}":                           {400, "bad_data", `invalid parameter "match[]": match[] must contain at least one non-empty matcher`},
		"/labels?limit=x":                              {400, "bad_data", `invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax`},
		"/labels?match[]={}":                           {400, "bad_data", `match[] must contain at least one non-empty matcher`},
		"/label/%20%ff/values":                         {400, "bad_data", `invalid label name: " \xff"`},
		"/metadata?limit=x":                            {400, "bad_data", `limit must be a number`},
		"/status/tsdb?limit=0":                         {400, "bad_data", `limit must be a positive number`},
		"/query?query=label_replace(up,%22~%22,%22%22,%22%22,%22(%22)": {422, "execution", `invalid regular expression in label_replace(): (`},
		"/query?query=istio_requests_total*on()istio_requests_total":   {422, "execution", ``},
		"/query?query=up&timeout=1e-9":                                 {503, "timeout", ``},
		"/nowhere":                                                     {404, "not_found", ``},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, request, nil))
		var got envelope
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s: %v: %s", request, err, w.Body)
		}
		if w.Code != want.status || got.ErrorType != want.kind || got.Status != "error" || got.Error == "" || want.text != "" && got.Error != want.text {
			t.Errorf("%s: got %d %s\nwant %d %s", request, w.Code, w.Body, want.status, want.text)
		}
	}
}

func TestTooManyRows(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Second)
	traffic(t, s, end)
	for query, want := range map[string]int{
		`max_over_time(istio_requests_total[5m])`:                                                       http.StatusUnprocessableEntity,
		`sum by (reporter, response_code) (rate(istio_requests_total[5m]))`:                             http.StatusOK,
		`sum by (reporter) (rate(istio_request_duration_milliseconds_bucket[5m]))`:                      http.StatusOK,
		`sum by (reporter, response_code, method) (rate(istio_request_duration_milliseconds[5m]))`:      http.StatusUnprocessableEntity,
		`sum by (reporter, response_code, method) (rate(istio_request_duration_milliseconds_sum[5m]))`:  http.StatusOK,
		`sum by (reporter) (max_over_time(istio_request_duration_milliseconds_bucket{le="+Inf"}[59m]))`: http.StatusUnprocessableEntity,
	} {
		w := httptest.NewRecorder()
		New(Config{MaxRED: 10}, s).Handler(nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/query?query="+url.QueryEscape(query), nil))
		if w.Code != want || w.Code != http.StatusOK && !strings.Contains(w.Body.String(), "add series up by the labels that matter") {
			t.Errorf("%s: got %d %s", query, w.Code, w.Body)
		}
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
	f("1e300", "5138-11-16T09:46:40Z")
	f("NaN", "")
	f(firstTime, "-1199-02-15T14:13:20Z")
	f(lastTime, "5138-11-16T09:46:40Z")
}

// lacking is a store in which something was set aside.
type lacking struct{ Store }

func (lacking) Lacks(context.Context, signal.Window, ...string) string { return "a part was set aside" }

func TestAPIWarnsOfWhatTheStoreLacks(t *testing.T) {
	h := New(Config{}, lacking{clickhousetest.Open(t, storetest.Start(t))}).Handler(nil)
	for _, path := range []string{"/query?query=x&time=10", "/query_range?query=x&start=0&end=30&step=15", "/labels", "/label/a/values", "/series?match[]=x"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		var got struct{ Warnings []string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if want := []string{"this may not be all: a part was set aside"}; !slices.Equal(got.Warnings, want) {
			t.Errorf("%s: warnings %q, want %q", path, got.Warnings, want)
		}
	}
}
