package mesh

import "time"

// SLO is a service-level objective as the rules evaluate it. Good or Bad is set,
// never both; queries are PromQL in which {{.window}} stands for the range.
type SLO struct {
	Name        string        `json:"name"`
	Namespace   string        `json:"namespace"`
	Service     ServiceName   `json:"service"`
	Description string        `json:"description,omitempty"`
	Objective   float64       `json:"objective"` // good share: 0.99
	Window      time.Duration `json:"window"`    // rolling period of the budget
	Good        string        `json:"good,omitempty"`
	Bad         string        `json:"bad,omitempty"`
	Total       string        `json:"total"`
}
