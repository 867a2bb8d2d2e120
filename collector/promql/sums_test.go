package promql

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// TestSumsAreTheSame with counters that were added up before the engine saw them as without.
func TestSumsAreTheSame(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Minute)
	traffic(t, s, end)
	e := New(Config{}, s)
	plain := prom.NewEngine(prom.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: e.config.Lookback,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: e.parser,
	})
	for _, query := range []string{
		`sum(rate(istio_requests_total[5m]))`,
		`sum by (reporter, response_code) (rate(istio_requests_total[1m]))`,
		`sum without (response_code, response_flags) (increase(istio_requests_total{destination_app="catalog"}[2m]))`,
		`sum by (le) ((rate(istio_request_duration_milliseconds_bucket{reporter="source"}[5m])))`,
		`histogram_quantile(0.9, sum by (le, destination_service_name) (rate(istio_request_duration_milliseconds_bucket[5m])))`,
		`sum by (reporter) (irate(istio_requests_total[5m] offset 3m))`,
		`sum by (no_such) (istio_requests_total)`,
		`sum by (destination_app) (rate(istio_requests_total{response_code=~"5.."}[1m])) / sum by (destination_app) (rate(istio_requests_total[1m]))`,
		`sum by (client) (increase(traces_service_graph_request_failed_total[5m]))`,
		`sum(max_over_time(istio_requests_total[5m]))`,
		`avg by (reporter) (rate(istio_requests_total[5m]))`,
		`max_over_time(sum by (reporter) (rate(istio_requests_total[1m]))[5m:30s])`,
	} {
		for _, step := range []time.Duration{15 * time.Second, 5 * time.Minute} {
			ask := func(with *prom.Engine) string {
				q, err := with.NewRangeQuery(t.Context(), e.source, nil, query, end.Add(-time.Hour), end, step)
				if err != nil {
					t.Fatalf("%s: %v", query, err)
				}
				defer q.Close()
				m, err := q.Exec(t.Context()).Matrix()
				if err != nil {
					t.Fatalf("%s: %v", query, err)
				}
				var out strings.Builder
				for _, series := range m {
					out.WriteString(series.Metric.String())
					for _, p := range series.Floats {
						fmt.Fprintf(&out, " %d:%.6g", p.T, p.F)
					}
					out.WriteByte('\n')
				}
				return out.String()
			}
			want := ask(plain)
			if want == "" {
				t.Errorf("%s has no answer", query)
			}
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(ask(e.engine), "\n")); diff != "" {
				t.Errorf("%s by %s:\n%s", query, step, diff)
			}
		}
	}
}

// TestStoredSeriesAreNotAddedUpEarly: what is told by the same name beside the sidecars, in
// part the same series, is told apart by all its labels.
func TestStoredSeriesAreNotAddedUpEarly(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Minute)
	traffic(t, s, end)
	e := New(Config{}, s)
	hints := &storage.SelectHints{Start: end.Add(-5 * time.Minute).UnixMilli(), End: end.UnixMilli(), Step: 1, Range: 300_000, Func: "rate"}
	of := func() int {
		q, err := e.source.Querier(hints.Start, hints.End)
		if err != nil {
			t.Fatal(err)
		}
		set, n := q.Select(t.Context(), false, hints,
			labels.MustNewMatcher(labels.MatchEqual, "__name__", "istio_requests_total"), &labels.Matcher{Value: sumBy + "reporter"}), 0
		for set.Next() {
			n++
		}
		if set.Err() != nil {
			t.Fatal(set.Err())
		}
		return n
	}
	if n := of(); n != 2 {
		t.Errorf("added up by reporter there are %d series, want 2", n)
	}
	if err := s.InsertSamples(t.Context(), "other", []clickhouse.Sample{{Metric: "istio_requests_total", Labels: map[string]string{"reporter": "source"}, Time: end, Value: 1}}); err != nil {
		t.Fatal(err)
	}
	if n := of(); n != 7 {
		t.Errorf("beside a stored one there are %d series, want 6 and that one", n)
	}
}

func TestSumsAreNoted(t *testing.T) {
	for query, want := range map[string]string{
		`sum by (b, a) (rate(x[5m]))`:         "by b,a",
		`sum(x)`:                              "by ",
		`sum without (a) ((increase(x[5m])))`: "without a",
		`sum(rate(x[5m] offset 1m))`:          "by ",
		`sum(rate({__name__=~"x|y"}[5m]))`:    "",
		`sum(-x)`:                             "",
		`sum(x + y)`:                          "",
		`sum(sum_over_time(x[5m]))`:           "",
		`avg(rate(x[5m]))`:                    "",
		`sum(rate(x[5m:1m]))`:                 "",
	} {
		expr, err := summing{parser.NewParser(parser.Options{})}.ParseExpr(query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		got := ""
		for _, matchers := range parser.ExtractSelectors(expr) {
			for _, m := range matchers {
				if m.Name == "" {
					got = m.Value
				}
			}
		}
		if got != want {
			t.Errorf("%s: noted %q, want %q", query, got, want)
		}
	}
}
