package rules

import (
	"time"

	"github.com/prometheus/common/model"
)

// Severities of SLO alerts.
const (
	Page   = "page"
	Ticket = "ticket"
)

// Window is one pair of windows of the burn-rate scheme: an alert fires when both burn
// faster than would spend the share Budget of a period's budget within Long. Short lets
// it end soon after the burning does.
type Window struct {
	Severity    string
	Budget      float64
	Long, Short time.Duration
}

// DefaultWindows is the SRE workbook's table. For a period of 30 days the burn rates are
// 14.4, 6, 3 and 1.
func DefaultWindows() []Window {
	return []Window{
		{Page, 0.02, time.Hour, 5 * time.Minute},
		{Page, 0.05, 6 * time.Hour, 30 * time.Minute},
		{Ticket, 0.10, 24 * time.Hour, 2 * time.Hour},
		{Ticket, 0.10, 72 * time.Hour, 6 * time.Hour},
	}
}

// maxShare is the highest error share that an alert waits for: where an objective is so
// low that the burn rate's share passes 1, a total outage must alert all the same.
const maxShare = 0.9

// burnRate is how fast the budget of a period burns at the window's limit.
func (w Window) burnRate(period time.Duration) float64 {
	return w.Budget * float64(period) / float64(w.Long)
}

// share is the error share above which the window's alert fires.
func (w Window) share(objective float64, period time.Duration) float64 {
	return min(w.burnRate(period)*(1-objective), maxShare)
}

// labelNames is which names labels may have.
const labelNames = model.UTF8Validation

// name is a duration as PromQL writes it: "5m", "3d".
func name(d time.Duration) string { return model.Duration(d).String() }
