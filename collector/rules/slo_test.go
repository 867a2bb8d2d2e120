package rules

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	totalQuery = `sum(rate(istio_requests_total{reporter="source",destination_service_name="payments"}[{{.window}}]))`
	badQuery   = `sum(rate(istio_requests_total{reporter="source",destination_service_name="payments",response_code=~"5.."}[{{ .window }}]))`
	goodQuery  = `sum(rate(istio_requests_total{reporter="source",destination_service_name="payments",response_code!~"5.."}[{{.window}}]))`
)

func objective() mesh.SLO {
	return mesh.SLO{Name: "availability", Namespace: "default", Service: "payments", Objective: 0.999, Window: 30 * 24 * time.Hour, Bad: badQuery, Total: totalQuery}
}

func newCompiler() *compiler {
	return &compiler{parser: parser.NewParser(parser.Options{}), windows: DefaultWindows(), interval: 30 * time.Second, minErrors: 5}
}

func TestBurnRatesOfTheWorkbook(t *testing.T) {
	var got []float64
	for _, w := range DefaultWindows() {
		got = append(got, math.Round(1e6*w.burnRate(30*24*time.Hour))/1e6)
	}
	if diff := cmp.Diff([]float64{14.4, 6, 3, 1}, got); diff != "" {
		t.Error(diff)
	}
	if got := DefaultWindows()[0].share(0.9, 30*24*time.Hour); got != maxShare {
		t.Errorf("an outage of a low objective would never alert: share %v", got)
	}
}

func TestCompile(t *testing.T) {
	groups, err := newCompiler().compile(objective())
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]string{}
	var order []string
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			key := r.Record + r.Alert + r.Labels[labelSeverity]
			rules[key] = r.Expr
			order = append(order, g.Name+" "+key)
			if _, err := newCompiler().parser.ParseExpr(r.Expr); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
	for key, want := range map[string]string{
		"slo:error:share5m":     `clamp((sum(sum(rate(istio_requests_total{destination_service_name="payments",reporter="source",response_code=~"5.."}[5m]))) or vector(0)) / (sum(sum(rate(istio_requests_total{destination_service_name="payments",reporter="source"}[5m]))) > 0), 0, 1)`,
		"slo:errors:increase1h": `((sum(sum(rate(istio_requests_total{destination_service_name="payments",reporter="source",response_code=~"5.."}[1h]))) or vector(0)) / (sum(sum(rate(istio_requests_total{destination_service_name="payments",reporter="source"}[1h]))) > 0)) * sum(sum(rate(istio_requests_total{destination_service_name="payments",reporter="source"}[1h]))) * 3600`,
		"SLOBurnRatepage": `(slo:error:share1h{slo="availability",slo_namespace="default"} > 0.0144 and slo:error:share5m{slo="availability",slo_namespace="default"} > 0.0144 and slo:errors:increase1h{slo="availability",slo_namespace="default"} >= 5)` +
			` or (slo:error:share6h{slo="availability",slo_namespace="default"} > 0.006 and slo:error:share30m{slo="availability",slo_namespace="default"} > 0.006 and slo:errors:increase6h{slo="availability",slo_namespace="default"} >= 5)`,
	} {
		if diff := cmp.Diff(want, rules[key]); diff != "" {
			t.Errorf("%s:\n%s\n%s", key, rules[key], diff)
		}
	}
	wantOrder := []string{
		"slo:default/availability slo:error:share5m", "slo:default/availability slo:errors:increase5m",
		"slo:default/availability slo:error:share30m", "slo:default/availability slo:errors:increase30m",
		"slo:default/availability slo:error:share1h", "slo:default/availability slo:errors:increase1h",
		"slo:default/availability slo:error:share2h", "slo:default/availability slo:errors:increase2h",
		"slo:default/availability SLOBurnRatepage", "slo:default/availability SLOBurnRateticket",
		"slo:default/availability:long slo:error:share6h", "slo:default/availability:long slo:errors:increase6h",
		"slo:default/availability:long slo:error:share1d", "slo:default/availability:long slo:errors:increase1d",
		"slo:default/availability:long slo:error:share3d", "slo:default/availability:long slo:errors:increase3d",
		"slo:default/availability:long slo:error:share30d", "slo:default/availability:long slo:errors:increase30d",
	}
	if diff := cmp.Diff(wantOrder, order); diff != "" {
		t.Error(diff)
	}
}

func TestCompileRefuses(t *testing.T) {
	for want, change := range map[string]func(*mesh.SLO){
		"objective 1":                 func(s *mesh.SLO) { s.Objective = 1 },
		"window 0s":                   func(s *mesh.SLO) { s.Window = 0 },
		"one of good and bad":         func(s *mesh.SLO) { s.Good = goodQuery },
		"total: no query":             func(s *mesh.SLO) { s.Total = "" },
		"bad: template":               func(s *mesh.SLO) { s.Bad = "{{" },
		"total: 1:5: parse error":     func(s *mesh.SLO) { s.Total = "sum(" },
		"total: 1 is a scalar":        func(s *mesh.SLO) { s.Total = "1" },
		`map has no entry for key "w`: func(s *mesh.SLO) { s.Total = "a[{{.win}}]" },
	} {
		s := objective()
		change(&s)
		if _, err := newCompiler().compile(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestGoodQueriesCountFromTheOtherSide(t *testing.T) {
	s := objective()
	s.Good, s.Bad = strings.ReplaceAll(goodQuery, "rate", "increase"), ""
	s.Total = strings.ReplaceAll(s.Total, "rate", "increase")
	groups, err := newCompiler().compile(s)
	if err != nil {
		t.Fatal(err)
	}
	share, count := groups.Groups[0].Rules[0].Expr, groups.Groups[0].Rules[1].Expr
	if !strings.HasPrefix(share, "clamp(1 - (sum(") || !strings.HasSuffix(count, " * 1") {
		t.Errorf("got %s and %s", share, count)
	}
}
