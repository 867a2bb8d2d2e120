package rules

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	prom "github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v3"

	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/promql"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// promtool finds Prometheus' command line, which `make tools` installs.
func promtool(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("run `make tools`: ", err)
	}
	return program
}

// unit is what of promtool's unit tests the ones here use.
type unit struct {
	Every model.Duration `yaml:"evaluation_interval"`
	Tests []struct {
		Interval model.Duration `yaml:"interval"`
		Input    []struct {
			Series, Values string
		} `yaml:"input_series"`
		Alerts []struct {
			At   model.Duration `yaml:"eval_time"`
			Name string         `yaml:"alertname"`
			Want []struct {
				Labels      map[string]string `yaml:"exp_labels"`
				Annotations map[string]string `yaml:"exp_annotations"`
			} `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
		Queries []struct {
			Expr string
			At   model.Duration `yaml:"eval_time"`
			Want []struct {
				Labels string
				Value  float64
			} `yaml:"exp_samples"`
		} `yaml:"promql_expr_test"`
	}
}

// TestPromtoolAgrees runs unit tests of an objective's rules and of ordinary ones with
// promtool and with the rules here over the store: both find them right, and both find
// them wrong when something else is expected.
func TestPromtoolAgrees(t *testing.T) {
	program, dir := promtool(t), t.TempDir()
	groups, err := newCompiler().compile(objective())
	if err != nil {
		t.Fatal(err)
	}
	slo, err := yaml.Marshal(groups)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	objectives, ordinary := put("slo.yaml", slo), put("ordinary.yaml", testdata(t, "ordinary.yaml"))
	if out, err := exec.CommandContext(t.Context(), program, "check", "rules", objectives, ordinary).CombinedOutput(); err != nil {
		t.Errorf("check rules: %v\n%s", err, out)
	}
	for _, c := range []struct {
		unit, rules string
		wrong       map[string]string // what is expected, and what is expected wrongly instead
	}{
		{"ordinary_unit.yaml", ordinary, map[string]string{
			"instance: a, severity: page":               "instance: b, severity: page",
			"summary: 420ms":                            "summary: 430ms",
			"value: 660":                                "value: 600",
			"- {eval_time: 40m, alertname: ManyErrors}": "- {eval_time: 23m, alertname: ManyErrors}",
		}},
		{"slo_unit.yaml", "slo:default/availability", map[string]string{
			"15.91% of requests":                         "17% of requests",
			"- {eval_time: 20m, alertname: SLOBurnRate}": "- {eval_time: 40m, alertname: SLOBurnRate}",
		}},
	} {
		right := string(testdata(t, c.unit))
		ours := runUnit(t, parseUnit(t, right), c.rules)
		agree := func(text string, want bool) {
			out, err := exec.CommandContext(t.Context(), program, "test", "rules", put(c.unit, []byte(text))).CombinedOutput()
			if (err == nil) != want {
				t.Errorf("promtool: %v\n%s", err, out)
			}
			if diff := ours.differs(t, parseUnit(t, text)); (diff == "") != want {
				t.Errorf("ours: %q", diff)
			}
		}
		agree(right, true)
		for old, with := range c.wrong {
			if !strings.Contains(right, old) {
				t.Errorf("%s has no %s", c.unit, old)
			}
			agree(strings.ReplaceAll(right, old, with), false)
		}
	}
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parseUnit(t *testing.T, text string) *unit {
	t.Helper()
	var u unit
	if err := yaml.Unmarshal([]byte(text), &u); err != nil || len(u.Tests) != 1 {
		t.Fatal(len(u.Tests), err)
	}
	return &u
}

// ran is what came of a unit test here.
type ran struct {
	firing map[time.Duration]map[string][]string // alerts by time and name
	parser parser.Parser
	ask    func(query string, at time.Time) map[string]float64
}

// runUnit does with our rules and a store what promtool does with its own.
func runUnit(t *testing.T, u *unit, file string) *ran {
	t.Helper()
	dsn := storetest.Start(t)
	s := clickhousetest.Open(t, dsn)
	clickhousetest.Exec(t, dsn, "SYSTEM STOP TTL MERGES") // the test's time begins in 1970
	engine := promql.New(promql.Config{}, s)
	r, err := New(Config{}, Deps{Engine: engine, Samples: s})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetSLOs([]mesh.SLO{objective()}); err != nil {
		t.Fatal(err)
	}
	for _, in := range u.Tests[0].Input {
		record(t, r, in.Series+" "+in.Values, time.Duration(u.Tests[0].Interval))
	}
	if err := r.recorder.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	loaded, errs := r.start(t.Context()).LoadGroups(time.Duration(u.Every), labels.EmptyLabels(), "", nil, false, file)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	// In the order that the unit tests name.
	groups := slices.SortedFunc(maps.Values(loaded), func(a, b *prom.Group) int { return place(a) - place(b) })
	out := &ran{firing: map[time.Duration]map[string][]string{}, parser: r.loader.parser}
	for since := time.Duration(0); since <= unitEnd; since += time.Duration(u.Every) {
		out.firing[since] = evaluate(t, groups, time.Unix(0, 0).Add(since))
	}
	q := current{engine.Queryable(), r.recorder}
	out.ask = func(query string, at time.Time) map[string]float64 {
		asked, err := engine.QueryEngine().NewInstantQuery(t.Context(), q, nil, query, at)
		if err != nil {
			t.Fatal(err)
		}
		defer asked.Close()
		v, err := asked.Exec(t.Context()).Vector()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, p := range v {
			got[p.Metric.String()] = p.F
		}
		return got
	}
	return out
}

// unitEnd is after the last time that the unit test looks at.
const unitEnd = 45 * time.Minute

// place is where a group stands in its file.
func place(g *prom.Group) int {
	return slices.Index([]string{"slo:default/availability", "slo:default/availability:long", "recordings", "alerts"}, g.Name())
}

// differs says what is not as a unit test expects.
func (r *ran) differs(t *testing.T, u *unit) string {
	t.Helper()
	var diffs strings.Builder
	for _, a := range u.Tests[0].Alerts {
		var want []string
		for _, w := range a.Want {
			w.Labels["alertname"] = a.Name
			want = append(want, labels.FromMap(w.Labels).String()+labels.FromMap(w.Annotations).String())
		}
		slices.Sort(want)
		diffs.WriteString(gocmp.Diff(want, r.firing[time.Duration(a.At)][a.Name], cmpopts.EquateEmpty()))
	}
	for _, q := range u.Tests[0].Queries {
		want := map[string]float64{}
		for _, w := range q.Want {
			l, err := r.parser.ParseMetric(w.Labels)
			if err != nil {
				t.Fatal(err)
			}
			want[l.String()] = w.Value
		}
		diffs.WriteString(gocmp.Diff(want, r.ask(q.Expr, time.Unix(0, 0).Add(time.Duration(q.At))), cmpopts.EquateApprox(1e-12, 0)))
	}
	return diffs.String()
}

// record stores a series as a unit test writes it.
func record(t *testing.T, r *Rules, text string, apart time.Duration) {
	t.Helper()
	l, values, err := r.loader.parser.ParseSeriesDesc(text)
	if err != nil {
		t.Fatal(err)
	}
	a := r.recorder.Appender(t.Context())
	for i, v := range values {
		if v.Omitted {
			continue
		}
		if _, err := a.Append(0, l, (time.Duration(i) * apart).Milliseconds(), v.Value); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
}

// evaluate evaluates all groups once and tells which alerts fire, by name.
func evaluate(t *testing.T, groups []*prom.Group, now time.Time) map[string][]string {
	t.Helper()
	firing := map[string][]string{}
	for _, g := range groups {
		for _, rule := range g.Rules() {
			if a, ok := rule.(*prom.AlertingRule); ok {
				a.SetRestored(true)
			}
		}
		g.Eval(t.Context(), now)
		for _, rule := range g.Rules() {
			if err := rule.LastError(); err != nil {
				t.Fatalf("%s: %v", rule.Name(), err)
			}
			a, ok := rule.(*prom.AlertingRule)
			if !ok {
				continue
			}
			for _, active := range a.ActiveAlerts() {
				if active.State == prom.StateFiring {
					firing[a.Name()] = append(firing[a.Name()], active.Labels.String()+active.Annotations.String())
				}
			}
			slices.Sort(firing[a.Name()])
		}
	}
	return firing
}
