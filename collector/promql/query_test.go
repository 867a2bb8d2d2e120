package promql

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	prom "github.com/prometheus/prometheus/promql"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// traffic fills the store: for 3,700 s before end, catalog answers gateway 10 times a
// second, 1 in 10 with 503, in 40 ms; and reviews.shop v2 answers catalog once every
// 7th second over gRPC.
func traffic(t *testing.T, s *clickhouse.Store, end time.Time) {
	t.Helper()
	var rows []clickhouse.REDRow
	for i := range 3700 {
		at := end.Add(time.Duration(i-3700) * time.Second)
		for _, reporter := range []string{signal.Source, signal.Destination} {
			k := clickhouse.REDKey{
				Time: at, Reporter: reporter, Source: "gateway", SourceVersion: "v1", Destination: "catalog", DestinationVersion: "v1",
				Instance: "c1", Route: "default", Method: "GET", GRPCStatus: -1, Protocol: "http/1.1", MTLS: true,
			}
			ok, bad := k, k
			ok.Status, bad.Status, bad.Flags = 200, 503, "UF"
			rows = append(rows, redRow(ok, 9, 40), redRow(bad, 1, 40))
			if i%7 == 0 {
				rows = append(rows, redRow(clickhouse.REDKey{
					Time: at, Reporter: reporter, Source: "catalog", Destination: "reviews.shop", DestinationVersion: "v2",
					Status: 200, GRPCStatus: 0, Protocol: "grpc", MTLS: true,
				}, 1, 3), redRow(clickhouse.REDKey{
					Time: at, Reporter: reporter, Source: "catalog", Destination: "db", DestinationVersion: "v1",
					GRPCStatus: -1, Protocol: signal.TCP, MTLS: true,
				}, 1, 1000))
			}
		}
	}
	for _, r := range rows { // for each stream that ends, two opened ten seconds before
		if r.Protocol == signal.TCP {
			open := clickhouse.REDRow{REDKey: r.REDKey, Opened: 2, Buckets: map[int16]uint64{}}
			open.Time = open.Time.Add(-10 * time.Second)
			rows = append(rows, open)
		}
	}
	if err := s.InsertRED(t.Context(), "traffic", rows); err != nil {
		t.Fatal(err)
	}
}

func redRow(k clickhouse.REDKey, n uint64, ms float64) clickhouse.REDRow {
	r := clickhouse.REDRow{REDKey: k, Requests: n, DurationSum: float64(n) * ms, Buckets: map[int16]uint64{signal.BucketOf(ms): n}, BytesIn: 10 * n, BytesOut: 100 * n}
	if signal.FailedHop(k.Protocol, int(k.Status), int(k.GRPCStatus), k.Flags) {
		r.Failed = n
	}
	return r
}

func TestQueries(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Minute) // rows per minute will do for long windows
	traffic(t, s, end)
	e := New(Config{}, s)
	eval := func(query string, at time.Time) map[string]float64 {
		t.Helper()
		q, err := e.engine.NewInstantQuery(t.Context(), e.source, nil, query, at)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		defer q.Close()
		v, err := q.Exec(t.Context()).Vector()
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		out := map[string]float64{}
		for _, p := range v {
			out[p.Metric.String()] = p.F
		}
		return out
	}
	for query, want := range map[string]map[string]float64{
		`sum(increase(istio_tcp_connections_closed_total{reporter="source",destination_app="db"}[7m]))`:                                                           {`{}`: 60},
		`sum(increase(istio_tcp_connections_opened_total{reporter="source",destination_app="db",response_flags="-"}[7m]))`:                                        {`{}`: 2 * 59}, // none of the last ten seconds
		`sum(increase(istio_tcp_connections_opened_total{reporter="destination"}[2h]))`:                                                                           {`{}`: 2 * 529},
		`count(istio_tcp_connections_opened_total{destination_app="catalog"})`:                                                                                    {},
		`sum by (request_protocol) (increase(istio_tcp_received_bytes_total{reporter="source"}[7m]))`:                                                             {`{request_protocol="tcp"}`: 600},
		`sum by (response_code) (increase(istio_tcp_sent_bytes_total{reporter="source"}[7m]))`:                                                                    {`{}`: 6000},
		`count(istio_requests_total{destination_app="db"})`:                                                                                                       {},
		`sum(increase(traces_service_graph_request_total{server="db"}[7m]))`:                                                                                      {`{}`: 60},
		`sum(increase(traces_service_graph_request_failed_total{server="db"}[7m]))`:                                                                               {`{}`: 0},
		`sum by (reporter) (rate(istio_requests_total{destination_service_name="catalog"}[5m]))`:                                                                  {`{reporter="source"}`: 10, `{reporter="destination"}`: 10},
		`sum(increase(istio_requests_total{reporter="source",response_code=~"5.."}[1m]))`:                                                                         {`{}`: 60},
		`sum(increase(istio_requests_total{reporter="source",response_code=~"5."}[1m]))`:                                                                          {},
		`sum(rate(istio_requests_total{reporter="source",destination_canonical_service="catalog"}[1h]))`:                                                          {`{}`: 10},
		`sum by (destination_workload, destination_service) (increase(istio_requests_total{reporter="source",source_app="catalog"}[7m]))`:                         {`{destination_service="reviews.shop.svc.cluster.local", destination_workload="reviews-v2"}`: 60},
		`sum by (grpc_response_status) (increase(istio_requests_total{reporter="source",source_version=""}[7m]))`:                                                 {`{grpc_response_status="0"}`: 60},
		`histogram_quantile(0.5, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter="source",destination_app="catalog"}[5m])))`:                {`{}`: 37.5},
		`sum by (le) (increase(istio_request_duration_milliseconds_bucket{reporter="source",destination_app="catalog",le=~"25|50|.Inf"}[5m]))`:                    {`{le="25"}`: 0, `{le="50"}`: 3000, `{le="+Inf"}`: 3000},
		`sum(rate(istio_request_duration_milliseconds_sum{reporter="source"}[5m])) / sum(rate(istio_request_duration_milliseconds_count{reporter="source"}[5m]))`: {`{}`: (3000*40 + 43*3) / (3000. + 43)},
		`sum(rate(istio_response_bytes_sum{reporter="source",destination_app="catalog"}[5m]))`:                                                                    {`{}`: 1000},
		`sum by (client, server) (increase(traces_service_graph_request_failed_total{client="gateway"}[5m]))`:                                                     {`{client="gateway", server="catalog"}`: 300},
		`max_over_time(sum(rate(istio_requests_total{reporter="source",destination_app="catalog"}[1m]))[10m:1m])`:                                                 {`{}`: 10},
		`sum(rate(istio_requests_total{reporter="source",destination_app="catalog"}[5m] offset 30m))`:                                                             {`{}`: 10},
		`sum(increase(istio_requests_total{reporter="source",destination_app="catalog"}[2h]))`:                                                                    {`{}`: 37000},
		`count(istio_requests_total{destination_app="catalog"})`:                                                                                                  {`{}`: 4},
		`sum(rate({__name__="istio_requests_total",reporter="source",connection_security_policy="none"}[5m]))`:                                                    {},
		`sum(irate(istio_requests_total{reporter="source",destination_app="catalog"}[5m]))`:                                                                       {`{}`: 10},
		`nothing_such`: {},

		// Native histograms, and Tempo's service graph and span metrics as Grafana asks for them.
		`histogram_quantile(0.5, sum(rate(istio_request_duration_milliseconds{reporter="source",destination_app="catalog"}[5m])))`:                                                        {`{}`: 39.74},
		`histogram_count(sum by (destination_app) (increase(istio_request_duration_milliseconds{reporter="destination",source_app="gateway"}[5m])))`:                                      {`{destination_app="catalog"}`: 3000},
		`histogram_avg(sum(rate(istio_request_duration_milliseconds{reporter="destination",source_app="gateway"}[5m])))`:                                                                  {`{}`: 40},
		`histogram_fraction(0, 20, sum(rate(istio_request_duration_milliseconds{reporter="source"}[5m])))`:                                                                                {`{}`: 43 / 3043.},
		`histogram_sum(sum(increase(istio_request_duration_milliseconds{reporter="source",destination_app="catalog"}[2h])))`:                                                              {`{}`: 37000 * 40},
		`sum by (client, connection_type, server) (increase(traces_service_graph_request_total{client="gateway"}[5m])) != 0`:                                                              {`{client="gateway", server="catalog"}`: 3000},
		`histogram_quantile(.9, sum(rate(traces_service_graph_request_server_seconds_bucket{server="catalog"}[5m])) by (le, client, server))`:                                             {`{client="gateway", server="catalog"}`: 0.09},
		`sum by (client, server) (rate(traces_service_graph_request_server_seconds_sum{}[5m])) / sum by (client, server) (rate(traces_service_graph_request_server_seconds_count{}[5m]))`: {`{client="gateway", server="catalog"}`: 0.04, `{client="catalog", server="reviews.shop"}`: 0.003},
		`histogram_quantile(.9, sum by (client, server) (rate(traces_service_graph_request_client_seconds{client="gateway"}[5m])))`:                                                       {`{client="gateway", server="catalog"}`: 0.0428},
		`histogram_sum(sum(increase(traces_service_graph_request_client_seconds{client="gateway"}[5m])))`:                                                                                 {`{}`: 120},
		`count(traces_service_graph_request_server_seconds_count{server="db"})`:                                                                                                           {},
		`topk(5, sum(rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[5m])) by (span_name)) > 5`:                                                                         {`{span_name="GET catalog"}`: 10},
		`sum(increase(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",service="catalog"}[5m])) by (span_name, span_kind)`:                                                  {`{span_kind="SPAN_KIND_SERVER", span_name="GET catalog"}`: 300},
		`histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{span_kind="SPAN_KIND_SERVER",span_name=~"GET catalog"}[5m])) by (le))`:                                         {`{}`: 0.0608},
		`sum(rate(traces_spanmetrics_latency_sum{service="gateway"}[5m])) / sum(rate(traces_spanmetrics_latency_count{service="gateway"}[5m]))`:                                           {`{}`: 0.04},
		`sum(increase(traces_spanmetrics_latency_count{service="catalog",span_kind="SPAN_KIND_CLIENT"}[7m]))`:                                                                             {`{}`: 60},
		`histogram_count(sum by (service) (increase(traces_spanmetrics_latency{service="reviews.shop"}[7m])))`:                                                                            {`{service="reviews.shop"}`: 60},

		// Istio's dashboards: of the mesh, of a service, of a workload.
		`round(sum(irate(istio_requests_total{reporter="destination",destination_service=~"catalog.default.svc.cluster.local"}[5m])), 0.001)`:                                                                                                                        {`{}`: 10},
		`sum(irate(istio_requests_total{reporter=~"source",destination_service=~"catalog.default.svc.cluster.local",response_code!~"5.*"}[5m])) / sum(irate(istio_requests_total{reporter=~"source",destination_service=~"catalog.default.svc.cluster.local"}[5m]))`: {`{}`: 0.9},
		`label_join(sum by (destination_workload, destination_workload_namespace, destination_service) (rate(istio_requests_total{reporter="source"}[5m])), "destination_workload_var", ".", "destination_workload", "destination_workload_namespace") > 5`: {
			`{destination_service="catalog.default.svc.cluster.local", destination_workload="catalog-v1", destination_workload_namespace="default", destination_workload_var="catalog-v1.default"}`: 10,
		},
		`round(sum(irate(istio_requests_total{connection_security_policy="mutual_tls",destination_service=~"catalog.default.svc.cluster.local",reporter=~"source",source_workload=~"gateway-v1",source_workload_namespace=~"default"}[5m])) by (source_workload, source_workload_namespace, response_code), 0.001)`: {
			`{response_code="200", source_workload="gateway-v1", source_workload_namespace="default"}`: 9,
			`{response_code="503", source_workload="gateway-v1", source_workload_namespace="default"}`: 1,
		},
		`histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{reporter="destination",destination_service=~"catalog.default.svc.cluster.local",source_workload=~"gateway-v1"}[1m])) by (source_workload, source_workload_namespace, le)) / 1000`: {
			`{source_workload="gateway-v1", source_workload_namespace="default"}`: 0.04975,
		},
		`sum(rate(istio_tcp_received_bytes_total{reporter="source",destination_workload_namespace="default",destination_workload=~"db.*"}[7m])) by (destination_workload) * 420`: {`{destination_workload="db-v1"}`: 600},
	} {
		got := eval(query, end)
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0.005, 0.001)); diff != "" {
			t.Errorf("%s:\n%s", query, diff)
		}
	}
	t.Run("ranges", func(t *testing.T) { ranges(t, e, end) })
}

// ranges asks for every window of a range of steps, none of which may be off.
func ranges(t *testing.T, e *Engine, end time.Time) {
	for _, step := range []time.Duration{5 * time.Second, 14 * time.Second, time.Minute, 10 * time.Minute} {
		for _, window := range []string{"1m", "5m"} {
			query := fmt.Sprintf(`sum(rate(istio_requests_total{reporter="source",destination_app="catalog"}[%s]))`, window)
			q, err := e.engine.NewRangeQuery(t.Context(), e.source, nil, query, end.Add(-50*time.Minute+time.Millisecond*123), end.Add(-time.Second), step)
			if err != nil {
				t.Fatal(err)
			}
			m, err := q.Exec(t.Context()).Matrix()
			if err != nil {
				t.Fatal(err)
			}
			if len(m) != 1 || len(m[0].Floats) != int((50*time.Minute-time.Second)/step)+1 {
				t.Fatalf("%s by %v: got %d series", query, step, len(m))
			}
			for _, p := range m[0].Floats {
				if math.Abs(p.F-10) > 0.01 {
					t.Errorf("%s by %v: %v at %d", query, step, p.F, p.T)
				}
			}
			q.Close()
		}
	}
}

func TestStoredSeries(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Second)
	var samples []clickhouse.Sample
	for i := range 61 {
		at := end.Add(time.Duration(i-60) * 5 * time.Second)
		samples = append(samples,
			clickhouse.Sample{Metric: "jobs_total", Labels: map[string]string{"job": "a"}, Time: at, Value: float64(i * 10)},
			clickhouse.Sample{Metric: "jobs_total", Labels: map[string]string{"job": "b", "zone": "x"}, Time: at, Value: 1})
	}
	if err := s.InsertSamples(t.Context(), "jobs", samples); err != nil {
		t.Fatal(err)
	}
	e := New(Config{}, s)
	for query, want := range map[string]string{
		`jobs_total`:                    `{__name__="jobs_total", job="a"} => 600, {__name__="jobs_total", job="b", zone="x"} => 1`,
		`jobs_total{zone=""}`:           `{__name__="jobs_total", job="a"} => 600`,
		`jobs_total{zone!=""}`:          `{__name__="jobs_total", job="b", zone="x"} => 1`,
		`rate(jobs_total{job="a"}[5m])`: `{job="a"} => 2`,
		`{__name__=~"jobs.*",job="b"}`:  `{__name__="jobs_total", job="b", zone="x"} => 1`,
		`{__name__=~"jobs"}`:            ``,
	} {
		q, err := e.engine.NewInstantQuery(t.Context(), e.source, nil, query, end)
		if err != nil {
			t.Fatal(err)
		}
		v, err := q.Exec(t.Context()).Vector()
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if got := describe(v); got != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
		q.Close()
	}
}

func describe(v prom.Vector) string {
	parts := make([]string, 0, len(v))
	for _, p := range v {
		parts = append(parts, fmt.Sprintf("%s => %.3g", p.Metric, p.F))
	}
	return strings.Join(parts, ", ")
}
