package rules

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/rules"

	"github.com/sightline-mesh/sightline/collector/promql"
)

// promAlert is an alert as Prometheus' API shows it.
type promAlert struct {
	Labels          labels.Labels `json:"labels"`
	Annotations     labels.Labels `json:"annotations"`
	State           string        `json:"state"`
	ActiveAt        time.Time     `json:"activeAt"`
	KeepFiringSince time.Time     `json:"keepFiringSince,omitzero"`
	Value           string        `json:"value"`
}

// promRule is a rule as Prometheus' API shows it.
type promRule struct {
	Type           string          `json:"type"` // "alerting" or "recording"
	Name           string          `json:"name"`
	Query          string          `json:"query"`
	Labels         labels.Labels   `json:"labels"`
	Health         prom.RuleHealth `json:"health"`
	LastError      string          `json:"lastError,omitempty"`
	EvaluationTime float64         `json:"evaluationTime"` // s
	LastEvaluation time.Time       `json:"lastEvaluation"`
}

// promAlerting is a rule that alerts.
type promAlerting struct {
	promRule

	State         string        `json:"state"`
	Duration      float64       `json:"duration"`      // s
	KeepFiringFor float64       `json:"keepFiringFor"` // s
	Annotations   labels.Labels `json:"annotations"`
	Alerts        []promAlert   `json:"alerts"` // null where nobody wants them
}

type promGroup struct {
	Name           string    `json:"name"`
	File           string    `json:"file"`
	Interval       float64   `json:"interval"` // s
	Limit          int       `json:"limit"`
	EvaluationTime float64   `json:"evaluationTime"` // s
	LastEvaluation time.Time `json:"lastEvaluation"`
	Rules          []any     `json:"rules"`
}

// promGroups is a page of groups, and the token of the group that the next page begins with.
type promGroups struct {
	Groups []promGroup `json:"groups"`
	Next   string      `json:"groupNextToken,omitempty"`
}

// ActiveAlerts is the data of Prometheus' API /alerts.
func (r *Rules) ActiveAlerts(context.Context) any {
	out := []promAlert{}
	for _, rule := range r.alerting() {
		out = append(out, promAlerts(rule)...)
	}
	return map[string]any{"alerts": out}
}

// Alertmanagers is the data of Prometheus' API /alertmanagers.
func (r *Rules) Alertmanagers(context.Context) any {
	type target struct {
		URL string `json:"url"`
	}
	active, dropped := []target{}, []target{}
	list := func(all []*url.URL, into *[]target) {
		for _, u := range all {
			*into = append(*into, target{u.String()})
		}
	}
	if r.notifier != nil {
		list(r.notifier.Alertmanagers(), &active)
		list(r.notifier.DroppedAlertmanagers(), &dropped)
	}
	return map[string]any{"activeAlertmanagers": active, "droppedAlertmanagers": dropped}
}

// RuleGroups is the data of Prometheus' API /rules. Groups of which no rule is wanted are
// left out.
func (r *Rules) RuleGroups(_ context.Context, want promql.RuleFilter) (any, error) {
	out := promGroups{Groups: []promGroup{}}
	m := r.running()
	if m == nil {
		return out, nil
	}
	all := m.RuleGroups()
	if want.From != "" {
		first := slices.IndexFunc(all, func(g *prom.Group) bool { return token(g) == want.From })
		if first < 0 {
			return nil, promql.ErrNoSuchGroup
		}
		all = all[first:]
	}
	for _, g := range all {
		if !among(want.Groups, g.Name()) || !among(want.Files, g.File()) {
			continue
		}
		rules := wanted(g, &want)
		switch {
		case len(rules) == 0:
			continue
		case want.Limit > 0 && len(out.Groups) == want.Limit:
			out.Next = token(g)
			return out, nil
		}
		out.Groups = append(out.Groups, promGroup{
			Name: g.Name(), File: g.File(), Interval: g.Interval().Seconds(), Limit: g.Limit(),
			EvaluationTime: g.GetEvaluationTime().Seconds(), LastEvaluation: g.GetLastEvaluation(), Rules: rules,
		})
	}
	return out, nil
}

// wanted are the rules of a group that a filter lets through, as the API shows them.
func wanted(g *prom.Group, want *promql.RuleFilter) (out []any) {
	for _, rule := range g.Rules(want.Match...) {
		if !among(want.Names, rule.Name()) {
			continue
		}
		switch a, alerting := rule.(*prom.AlertingRule); {
		case alerting && want.Type != "record":
			shown := shownAlerting(a)
			if want.WithoutAlerts {
				shown.Alerts = nil
			}
			out = append(out, shown)
		case !alerting && want.Type != "alert":
			out = append(out, shown("recording", rule))
		}
	}
	return out
}

// among reports whether a list has a name, or has none at all.
func among(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }

// token names a group to who reads page by page.
func token(g *prom.Group) string {
	sum := sha256.Sum256([]byte(g.File() + ";" + g.Name()))
	return hex.EncodeToString(sum[:])
}

func shown(kind string, rule prom.Rule) promRule {
	p := promRule{
		Type: kind, Name: rule.Name(), Query: rule.Query().String(), Labels: rule.Labels(), Health: rule.Health(),
		EvaluationTime: rule.GetEvaluationDuration().Seconds(), LastEvaluation: rule.GetEvaluationTimestamp(),
	}
	if err := rule.LastError(); err != nil {
		p.LastError = err.Error()
	}
	return p
}

func shownAlerting(a *prom.AlertingRule) promAlerting {
	return promAlerting{
		promRule: shown("alerting", a), State: a.State().String(), Annotations: a.Annotations(),
		Duration: a.HoldDuration().Seconds(), KeepFiringFor: a.KeepFiringFor().Seconds(),
		Alerts: promAlerts(a),
	}
}

func promAlerts(rule *prom.AlertingRule) []promAlert {
	out := []promAlert{}
	for _, a := range rule.ActiveAlerts() {
		out = append(out, promAlert{
			Labels: a.Labels, Annotations: a.Annotations, State: a.State.String(), ActiveAt: a.ActiveAt,
			KeepFiringSince: a.KeepFiringSince, Value: strconv.FormatFloat(a.Value, 'e', -1, 64),
		})
	}
	return out
}
