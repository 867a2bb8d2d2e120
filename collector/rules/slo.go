package rules

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	shareMetric  = "slo:error:share"     // + window
	errorsMetric = "slo:errors:increase" // + window

	labelSLO       = "slo"
	labelNamespace = "slo_namespace"
	labelService   = "service"
	labelSeverity  = "severity"

	// longWindow is from which window on shares change so slowly that evaluating them
	// less often loses nothing.
	longWindow   = 6 * time.Hour
	longInterval = 2 * time.Minute
)

// compiler turns SLOs into rule groups.
type compiler struct {
	parser    parser.Parser
	windows   []Window
	interval  time.Duration
	minErrors float64
}

// compile makes the rule groups of one SLO. An error names the field that is wrong.
func (c *compiler) compile(s mesh.SLO) (*rulefmt.RuleGroups, error) {
	if s.Objective <= 0 || s.Objective >= 1 {
		return nil, fmt.Errorf("objective %v: want a share between 0 and 1", s.Objective)
	}
	if s.Window <= 0 {
		return nil, fmt.Errorf("window %v: want a positive time", s.Window)
	}
	if (s.Good == "") == (s.Bad == "") {
		return nil, errors.New("want one of good and bad")
	}
	quick := rulefmt.RuleGroup{Name: "slo:" + s.Namespace + "/" + s.Name, Interval: model.Duration(c.interval)}
	slow := rulefmt.RuleGroup{Name: quick.Name + ":long", Interval: model.Duration(max(c.interval, min(longInterval, 4*c.interval)))}
	for _, w := range c.lengths(s.Window) {
		rules, err := c.recordings(s, w)
		if err != nil {
			return nil, err
		}
		if w < longWindow {
			quick.Rules = append(quick.Rules, rules...)
		} else {
			slow.Rules = append(slow.Rules, rules...)
		}
	}
	for _, severity := range []string{Page, Ticket} {
		if alert, ok := c.alert(s, severity); ok {
			quick.Rules = append(quick.Rules, alert)
		}
	}
	groups := &rulefmt.RuleGroups{Groups: []rulefmt.RuleGroup{quick}}
	if len(slow.Rules) > 0 {
		groups.Groups = append(groups.Groups, slow)
	}
	return groups, nil
}

// lengths are all the windows that need an error share, shortest first: those of the
// alerts and the period.
func (c *compiler) lengths(period time.Duration) []time.Duration {
	all := []time.Duration{period}
	for _, w := range c.windows {
		all = append(all, w.Long, w.Short)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// recordings are the error share of a window and the number of errors in it.
func (c *compiler) recordings(s mesh.SLO, window time.Duration) ([]rulefmt.Rule, error) {
	total, perSecond, err := c.query("total", s.Total, window)
	if err != nil {
		return nil, err
	}
	field, text := "bad", s.Bad
	if s.Good != "" {
		field, text = "good", s.Good
	}
	part, _, err := c.query(field, text, window)
	if err != nil {
		return nil, err
	}
	// Without a single good or bad request their sum is empty, not zero.
	share := fmt.Sprintf("(sum(%s) or vector(0)) / (sum(%s) > 0)", part, total)
	if s.Good != "" {
		share = "1 - " + share
	}
	factor := 1.0
	if perSecond {
		factor = window.Seconds()
	}
	count := fmt.Sprintf("(%s) * sum(%s) * %s", share, total, number(factor))
	labels := map[string]string{labelSLO: s.Name, labelNamespace: s.Namespace, labelService: string(s.Service)}
	return []rulefmt.Rule{
		{Record: shareMetric + name(window), Expr: "clamp(" + share + ", 0, 1)", Labels: labels},
		{Record: errorsMetric + name(window), Expr: count, Labels: labels},
	}, nil
}

// query fills the window in and tells whether the result is per second.
func (c *compiler) query(field, text string, window time.Duration) (expr string, perSecond bool, err error) {
	if text == "" {
		return "", false, fmt.Errorf("%s: no query", field)
	}
	t, err := template.New(field).Option("missingkey=error").Parse(text)
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", field, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, map[string]string{"window": name(window)}); err != nil {
		return "", false, fmt.Errorf("%s: %w", field, err)
	}
	parsed, err := c.parser.ParseExpr(b.String())
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", field, err)
	}
	if parsed.Type() != parser.ValueTypeVector {
		return "", false, fmt.Errorf("%s: %s is a %s, not a vector", field, b.String(), parsed.Type())
	}
	return parsed.String(), isRate(parsed), nil
}

func isRate(expr parser.Expr) bool {
	found := false
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if call, ok := n.(*parser.Call); ok && strings.HasSuffix(call.Func.Name, "rate") {
			found = true
		}
		return nil
	})
	return found
}

// alert is the alert of one severity, if any window has it.
func (c *compiler) alert(s mesh.SLO, severity string) (rulefmt.Rule, bool) {
	selector := fmt.Sprintf("{%s=%q,%s=%q}", labelSLO, s.Name, labelNamespace, s.Namespace)
	var pairs []string
	for _, w := range c.windows {
		if w.Severity != severity {
			continue
		}
		share := number(w.share(s.Objective, s.Window))
		pairs = append(pairs, fmt.Sprintf("(%s%s%s > %s and %s%s%s > %s and %s%s%s >= %s)",
			shareMetric, name(w.Long), selector, share,
			shareMetric, name(w.Short), selector, share,
			errorsMetric, name(w.Long), selector, number(c.minErrors)))
	}
	return rulefmt.Rule{
		Alert:  "SLOBurnRate",
		Expr:   strings.Join(pairs, " or "),
		Labels: map[string]string{labelSeverity: severity, labelSLO: s.Name, labelNamespace: s.Namespace, labelService: string(s.Service)},
		Annotations: map[string]string{
			"summary":     fmt.Sprintf("%s spends the error budget of %s too fast", s.Service, s.Name),
			"description": cmp.Or(s.Description, s.Name) + ": {{ $value | humanizePercentage }} of requests failed; the objective allows " + number(100*(1-s.Objective)) + "%.",
		},
	}, len(pairs) > 0
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', 10, 64) }
