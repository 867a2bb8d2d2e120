package rules

import (
	"slices"
	"strings"
	"time"

	prom "github.com/prometheus/prometheus/rules"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Alerts lists the alerts that are pending or firing, by name and labels.
func (r *Rules) Alerts() []signal.Alert {
	out := []signal.Alert{}
	for _, rule := range r.alerting() {
		for _, a := range rule.ActiveAlerts() {
			if a.State == prom.StateInactive || !a.ResolvedAt.IsZero() {
				continue
			}
			l, notes := a.Labels.Map(), a.Annotations.Map()
			alert := signal.Alert{
				Name: rule.Name(), State: a.State.String(), Severity: l[labelSeverity], Service: l[labelService], SLO: l[labelSLO],
				Summary: notes["summary"], Labels: l, Annotations: notes, Since: a.ActiveAt, Value: a.Value, Query: rule.Query().String(),
			}
			if a.State == prom.StateFiring {
				fired := a.FiredAt
				alert.Firing = &fired
			}
			out = append(out, alert)
		}
	}
	slices.SortFunc(out, func(a, b signal.Alert) int {
		return strings.Compare(a.Name+a.SLO+a.Severity, b.Name+b.SLO+b.Severity)
	})
	return out
}

func (r *Rules) alerting() []*prom.AlertingRule {
	if m := r.running(); m != nil {
		return m.AlertingRules()
	}
	return nil
}

func (r *Rules) running() *prom.Manager {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.manager
}

// SLOs tells how each objective stands, in the order in which they were set. An
// objective without traffic, or not evaluated yet, is not Known.
func (r *Rules) SLOs() []signal.SLOStatus {
	r.mu.Lock()
	slos := r.slos
	r.mu.Unlock()
	alerts := r.Alerts()
	out := make([]signal.SLOStatus, 0, len(slos))
	for _, s := range slos {
		out = append(out, r.status(s, alerts))
	}
	return out
}

func (r *Rules) status(s mesh.SLO, alerts []signal.Alert) signal.SLOStatus {
	st := signal.SLOStatus{
		Name: s.Name, Namespace: s.Namespace, Service: string(s.Service), Description: s.Description,
		Objective: s.Objective, Window: name(s.Window), BudgetLeft: 1, State: "ok", Burn: []signal.Burn{},
	}
	for _, w := range r.compiler.lengths(s.Window) {
		share, ok := r.recorder.share(shareKey{s.Namespace, s.Name, name(w)})
		if !ok {
			continue
		}
		st.Burn = append(st.Burn, signal.Burn{Window: name(w), Rate: share / (1 - s.Objective), Limit: r.limit(s.Window, w)})
		if w == s.Window {
			st.Known, st.ErrorShare, st.BudgetLeft = true, share, 1-share/(1-s.Objective)
		}
	}
	for _, a := range alerts {
		if a.SLO == s.Name && a.Labels[labelNamespace] == s.Namespace && a.Firing != nil && st.State != Page {
			st.State = a.Severity
		}
	}
	return st
}

// limit is the lowest burn rate at which a window takes part in an alert.
func (r *Rules) limit(period, length time.Duration) (lowest float64) {
	for _, w := range r.config.Windows {
		if rate := w.burnRate(period); (w.Long == length || w.Short == length) && (lowest == 0 || rate < lowest) {
			lowest = rate
		}
	}
	return lowest
}
