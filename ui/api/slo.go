package api

import (
	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Alert is one alert of the rules, pending or firing.
type Alert = signal.Alert

// SLO is an objective and how it stands.
type SLO struct {
	Name        string        `json:"name"`
	Namespace   string        `json:"namespace"`
	Service     string        `json:"service"`
	Description string        `json:"description,omitempty"`
	Objective   float64       `json:"objective"`            // good share: 0.99
	Window      string        `json:"window"`               // period of the budget: "30d"
	ErrorShare  *float64      `json:"errorShare,omitempty"` // missing while there is no traffic to judge by
	BudgetLeft  *float64      `json:"budgetLeft,omitempty"` // likewise; below 0 when overspent
	Burn        []signal.Burn `json:"burn"`
	State       string        `json:"state"` // "ok", "ticket" or "page"
}

// sloOf is a status in which what is not known is missing instead of 0.
func sloOf(s signal.SLOStatus) SLO {
	out := SLO{
		Name: s.Name, Namespace: s.Namespace, Service: s.Service, Description: s.Description,
		Objective: s.Objective, Window: s.Window, Burn: list(s.Burn), State: s.State,
	}
	if s.Known {
		out.ErrorShare, out.BudgetLeft = &s.ErrorShare, &s.BudgetLeft
	}
	return out
}

func (a *API) slos(*gin.Context) (any, error) {
	if a.deps.SLOs == nil {
		return nil, missingPart("rules")
	}
	out := slosAnswer{SLOs: []SLO{}}
	for _, s := range a.deps.SLOs() {
		out.SLOs = append(out.SLOs, sloOf(s))
	}
	return out, nil
}

func (a *API) alerts(*gin.Context) (any, error) {
	if a.deps.Alerts == nil {
		return nil, missingPart("rules")
	}
	return alertsAnswer{Alerts: list(a.deps.Alerts())}, nil
}
