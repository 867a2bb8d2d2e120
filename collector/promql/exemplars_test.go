package promql

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// TestExemplarsAndMetadata asks for what an application told and for what sidecars'
// spans show.
func TestExemplarsAndMetadata(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	at := time.Now().Add(-time.Minute).Truncate(time.Second).UTC()
	series := map[string]string{"job": "a", "le": "0.5"}
	err := s.InsertExemplars(t.Context(), "e", []clickhouse.Exemplar{
		{Metric: "wait_seconds_bucket", Labels: series, Of: map[string]string{"trace_id": "cafe"}, Time: at.Add(1500 * time.Millisecond), Value: 0.25},
		{Metric: "wait_seconds_bucket", Labels: map[string]string{"job": "b", "le": "0.5"}, Of: map[string]string{"trace_id": "beef"}, Time: at, Value: 0.5},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"m", "again"} { // what is known is not stored again
		if err := s.InsertMetadata(t.Context(), token, []clickhouse.Metadata{{Metric: "wait_seconds", Kind: "histogram", Unit: "seconds", Help: "How long."}}); err != nil {
			t.Fatal(err)
		}
	}
	err = s.InsertSpans(t.Context(), "s", []clickhouse.SpanRow{{
		TraceID: clickhouse.TraceID{0xab}, SpanID: clickhouse.SpanID{0xcd}, Mesh: true, Kind: "server", Status: "unset", Start: at, Duration: 40 * time.Millisecond,
		Workload: clickhouse.Workload{Service: "catalog", Version: "v1"},
		Hop:      clickhouse.Hop{Peer: "gateway", PeerVersion: "v1", Status: 503, GRPCStatus: -1, Flags: "UF", Protocol: "http/1.1", MTLS: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	h := New(Config{}, s).Handler(nil)
	ask := func(path string, form url.Values) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"?"+form.Encode(), nil))
		return strings.TrimSpace(w.Body.String())
	}
	text := at.Format(time.RFC3339)
	got := ask("/query_exemplars", url.Values{
		"query": {`histogram_quantile(0.9, sum by (le) (rate(wait_seconds_bucket{job="a"}[5m])))`}, "start": {text}, "end": {at.Add(2 * time.Second).Format(time.RFC3339)},
	})
	if want := `"data":[{"seriesLabels":{"__name__":"wait_seconds_bucket","job":"a","le":"0.5"},"exemplars":[{"labels":{"trace_id":"cafe"},"value":"0.25","timestamp":`; !strings.Contains(got, want) || !strings.Contains(got, ".5}]}]") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = ask("/query_exemplars", url.Values{"query": {`istio_request_duration_milliseconds_bucket{reporter="destination",response_code=~"5.."}`}})
	for _, want := range []string{`"le":"50"`, `"source_app":"gateway"`, `"destination_app":"catalog"`, `"response_flags":"UF"`, `"labels":{"span_id":"cd00000000000000","trace_id":"ab000000000000000000000000000000"},"value":"40"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if got := ask("/query_exemplars", url.Values{"query": {`istio_request_duration_milliseconds_bucket{response_code="200"}`}}); got != `{"status":"success","data":[]}` {
		t.Errorf("got %s", got)
	}
	if got, want := ask("/metadata", url.Values{"metric": {"wait_seconds"}}), `{"status":"success","data":{"wait_seconds":[{"type":"histogram","unit":"seconds","help":"How long."}]}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := ask("/metadata", url.Values{"limit": {"1"}}); strings.Count(got, `"type"`) != 1 {
		t.Errorf("got %s", got)
	}
}
