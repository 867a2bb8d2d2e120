package signal

import "time"

// Alert is one alert that is pending or firing.
type Alert struct {
	Name        string            `json:"name"`
	State       string            `json:"state"` // "pending" or "firing"
	Severity    string            `json:"severity,omitempty"`
	Service     string            `json:"service,omitempty"`
	SLO         string            `json:"slo,omitempty"` // of which it guards the budget
	Summary     string            `json:"summary,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Since       time.Time         `json:"since"`            // its condition holds
	Firing      *time.Time        `json:"firing,omitempty"` // it fires
	Value       float64           `json:"value"`            // of its expression
	Query       string            `json:"query"`            // the expression
}

// SLOStatus is how a service-level objective stands.
type SLOStatus struct {
	Name        string  `json:"name"`
	Namespace   string  `json:"namespace"`
	Service     string  `json:"service"`
	Description string  `json:"description,omitempty"`
	Objective   float64 `json:"objective"` // good share: 0.99
	Window      string  `json:"window"`    // rolling period of the budget: "30d"
	Known       bool    `json:"known"`     // false while there was no traffic to judge by
	ErrorShare  float64 `json:"errorShare"`
	BudgetLeft  float64 `json:"budgetLeft"` // share of the period's budget; negative when overdrawn
	Burn        []Burn  `json:"burn"`       // by window, shortest first
	State       string  `json:"state"`      // "ok", "ticket" or "page": the gravest alert that fires
}

// Burn is how fast an error budget was spent in a window: at 1 it lasts exactly as
// long as its period.
type Burn struct {
	Window string  `json:"window"`
	Rate   float64 `json:"rate"`
	Limit  float64 `json:"limit"` // above which, with its longer or shorter twin, an alert fires; 0 is none
}
