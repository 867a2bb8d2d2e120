package promql

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// plain parses as noting does, and takes those notes off again that left does not name.
type plain struct {
	noting

	left string
}

func (p plain) ParseExpr(input string) (parser.Expr, error) {
	expr, err := p.noting.ParseExpr(input)
	if err != nil {
		return nil, err
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			s.LabelMatchers = slices.DeleteFunc(s.LabelMatchers, func(m *labels.Matcher) bool { return m.Name == "" && m.Value != p.left })
		}
		return nil
	})
	return expr, nil
}

// allColumns is a store that tells the rows of a statement apart by all columns of their keys.
type allColumns struct{ Store }

func (s allColumns) Query(ctx context.Context, statement string, params ...any) (driver.Rows, error) {
	for i, p := range params {
		if p.(driver.NamedValue).Name == "columns" {
			params[i] = clickhousego.Named("columns", []string{
				"reporter", "source", "source_version", "destination", "destination_version", "route", "method",
				"status", "grpc_status", "flags", "protocol", "mtls",
			})
		}
	}
	return s.Store.Query(ctx, statement, params...)
}

// asked is a question and when it is asked for.
type asked struct {
	query      string
	start, end time.Time
	step       time.Duration
}

// compare reports where the answers of two engines differ by more than a part, and says how
// many series there are.
func (a *asked) compare(t *testing.T, got, want func(*asked) (prom.Matrix, error), part float64) (series int) {
	t.Helper()
	w, err := want(a)
	if err != nil {
		t.Fatalf("%s: %v", a.query, err)
	}
	g, err := got(a)
	if err != nil {
		t.Fatalf("%s: %v", a.query, err)
	}
	if diff := cmp.Diff(w, g, cmpopts.EquateApprox(part, 1e-9), cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmp.Comparer(labels.Equal)); diff != "" {
		t.Errorf("%s from %s by %s (-want +got):\n%.2000s", a.query, a.start, a.step, diff)
	}
	return len(w)
}

// asking asks an engine over a queryable.
func asking(t *testing.T, e *prom.Engine, q storage.Queryable) func(*asked) (prom.Matrix, error) {
	return func(a *asked) (prom.Matrix, error) {
		q, err := e.NewRangeQuery(t.Context(), q, nil, a.query, a.start, a.end, a.step)
		if err != nil {
			return nil, err
		}
		defer q.Close()
		m, err := q.Exec(t.Context()).Matrix()
		if err != nil {
			return nil, err
		}
		return detached(m).(prom.Matrix), nil
	}
}

// unaware is an engine that knows of no notes but left.
func unaware(e *Engine, left string) *prom.Engine {
	return prom.NewEngine(prom.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: e.config.Lookback,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: plain{noting{e.parser}, left},
	})
}

// aMillisecond is by which part answers may differ where counters are added up first: a rate
// is drawn out to its window's open end, a millisecond, unless the counter is at 0 there, as
// one may be and their sum not.
const aMillisecond = 1e-4

// TestSumsAreTheSame when counters are added up before the engine sees them as when not.
func TestSumsAreTheSame(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Minute)
	traffic(t, s, end)
	e := New(Config{}, s)
	got, want := asking(t, e.engine, e.source), asking(t, unaware(e, inSteps), e.source)
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
			if (&asked{query, end.Add(-time.Hour), end, step}).compare(t, got, want, aMillisecond) == 0 {
				t.Errorf("%s has no answer", query)
			}
		}
	}
}

// TestSumsOfAnyRowsAreTheSame with random rows, that come and go, by random labels.
func TestSumsOfAnyRowsAreTheSame(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	end := time.Now().Truncate(time.Minute)
	dice := rand.New(rand.NewPCG(5, 5))
	if err := s.InsertRED(t.Context(), "any", anyRows(dice, end, 8*time.Minute)); err != nil {
		t.Fatal(err)
	}
	e := New(Config{}, s)
	got, apart := asking(t, e.engine, e.source), asking(t, e.engine, New(Config{}, allColumns{s}).source)
	notSummed, notNoted := asking(t, unaware(e, inSteps), e.source), asking(t, unaware(e, ""), e.source)
	answered := 0
	for n := range 40 {
		query := anySum(dice)
		start := end.Add(-time.Duration(dice.IntN(600)) * time.Second).Add(time.Duration(dice.IntN(2)*dice.IntN(1000)) * time.Millisecond)
		step := []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 37 * time.Second}[n%4]
		a := &asked{query, start, start.Add((3 * time.Minute).Truncate(step)), step}
		answered += min(a.compare(t, got, apart, 1e-9), 1)
		a.compare(t, got, notSummed, aMillisecond)
		if !strings.Contains(query, "irate") { // which sees the newest points, of which there are fewer
			a.compare(t, got, notNoted, aMillisecond)
		}
	}
	if answered < 20 {
		t.Errorf("%d of 40 questions have an answer: too few to tell", answered)
	}
}

// anyRows are rows of few values of each column, not all of which are there all the time.
func anyRows(dice *rand.Rand, end time.Time, length time.Duration) []clickhouse.REDRow {
	var rows []clickhouse.REDRow
	of := func(all ...string) string { return all[dice.IntN(len(all))] }
	for at := end.Add(-length); at.Before(end); at = at.Add(time.Second) {
		if at.Unix()/40%3 == 0 {
			continue // a quiet time
		}
		for range dice.IntN(4) {
			k := clickhouse.REDKey{
				Time: at, Reporter: of(signal.Source, signal.Destination, signal.AppSpan),
				Source: of("", "a", "b.shop"), SourceVersion: of("", "v1", "v2"),
				Destination: of("a", "b.shop", "b", ""), DestinationVersion: of("", "v1"), Instance: of("", "i1", "i2"),
				Route: of("", "r"), Method: of("", "GET", "POST"), Status: uint16(100 * dice.IntN(6)), GRPCStatus: int16(dice.IntN(3) - 1),
				Flags: of("", "UF", "UF,URX"), Protocol: of("http/1.1", "h2", "grpc", signal.TCP), MTLS: dice.IntN(2) == 0,
			}
			r := redRow(k, uint64(dice.IntN(9)), 1+300*dice.ExpFloat64())
			r.Opened = uint64(dice.IntN(2))
			rows = append(rows, r)
		}
	}
	return rows
}

// anySum is a sum of a computed metric by some of its labels.
func anySum(dice *rand.Rand) string {
	all := metrics()
	m := all[dice.IntN(len(all))]
	names := []string{"no_such", "le"}
	for _, l := range m.labels {
		names = append(names, l.name)
	}
	dice.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
	by := "by (" + strings.Join(names[:dice.IntN(4)], ", ") + ")"
	if dice.IntN(3) == 0 {
		by = "without (" + strings.Join(names[:dice.IntN(len(names))], ", ") + ")"
	}
	var matchers []string
	for range dice.IntN(3) {
		matchers = append(matchers, names[dice.IntN(len(names))]+[]string{`=~".*[a5G+].*"`, `!="200"`, `!~"b|v1"`, `!=""`, `=""`}[dice.IntN(5)])
	}
	return fmt.Sprintf("sum %s (%s(%s{%s}[%s]))", by, additive[dice.IntN(3)], m.name, strings.Join(matchers, ","), []string{"40s", "1m", "5m"}[dice.IntN(3)])
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

func TestNotes(t *testing.T) {
	const x = "istio_requests_total"
	for query, want := range map[string]string{
		`sum by (b, a) (rate(x[5m]))`:         "by b,a; in steps",
		`sum(x)`:                              "by ; in steps",
		`sum without (a) ((increase(x[5m])))`: "without a; in steps",
		`sum(rate(x[5m] offset 1m))`:          "by ; in steps",
		`sum(rate({__name__=~"x|y"}[5m]))`:    "",
		`sum(rate(jobs_total[5m]))`:           "",
		`sum(-x)`:                             "in steps",
		`sum(x + x)`:                          "in steps; in steps",
		`sum(sum_over_time(x[5m]))`:           "in steps",
		`avg(rate(x[5m]))`:                    "in steps",
		`sum(rate(x[5m:1m]))`:                 "",
		`max_over_time(sum(x)[5m:1m])`:        "by ",
	} {
		expr, err := noting{parser.NewParser(parser.Options{})}.ParseExpr(regexp.MustCompile(`\bx\b`).ReplaceAllString(query, x))
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		var got []string
		for _, matchers := range parser.ExtractSelectors(expr) {
			for _, m := range matchers {
				if m.Name == "" {
					got = append(got, m.Value)
				}
			}
		}
		if got := strings.Join(got, "; "); got != want {
			t.Errorf("%s: noted %q, want %q", query, got, want)
		}
	}
}

// TestAbsentHasNoNote: its labels are what the matchers say, and nothing else.
func TestAbsentHasNoNote(t *testing.T) {
	e := New(Config{}, clickhousetest.Open(t, storetest.Start(t)))
	q, err := e.engine.NewInstantQuery(t.Context(), e.source, nil, `absent(istio_requests_total{reporter="source"})`, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	v, err := q.Exec(t.Context()).Vector()
	if err != nil || len(v) != 1 || v[0].Metric.String() != `{reporter="source"}` {
		t.Errorf("got %v, %v", v, err)
	}
}

// TestLabelsSayWhatTheyAreMadeOf: a label's value depends on no column that it does not name.
func TestLabelsSayWhatTheyAreMadeOf(t *testing.T) {
	change := map[string]func(*key){
		"reporter":            func(k *key) { k.reporter = signal.Source },
		"source":              func(k *key) { k.source = "" },
		"source_version":      func(k *key) { k.sourceVersion = "" },
		"destination":         func(k *key) { k.destination = "" },
		"destination_version": func(k *key) { k.destinationVersion = "" },
		"route":               func(k *key) { k.route = "" },
		"method":              func(k *key) { k.method = "" },
		"status":              func(k *key) { k.status = 503 },
		"grpc_status":         func(k *key) { k.grpcStatus = 14 },
		"flags":               func(k *key) { k.flags = "UF" },
		"protocol":            func(k *key) { k.protocol = "grpc" },
		"mtls":                func(k *key) { k.mtls = true },
	}
	from := key{
		reporter: signal.Destination, source: "a.shop", sourceVersion: "v1", destination: "b.store", destinationVersion: "v2",
		route: "r", method: "GET", status: 200, grpcStatus: -1, protocol: "http/1.1",
	}
	for _, m := range metrics() {
		for _, l := range m.labels {
			for column, f := range change {
				to := from
				f(&to)
				named := slices.Contains(l.from, column)
				if before, after := l.value(&from), l.value(&to); before != after && !named {
					t.Errorf("%s of %s: %q becomes %q with another %s", l.name, m.name, before, after, column)
				}
			}
			for _, column := range l.from {
				if change[column] == nil {
					t.Errorf("%s of %s is made of %s, which is no column of a key", l.name, m.name, column)
				}
			}
		}
	}
}
