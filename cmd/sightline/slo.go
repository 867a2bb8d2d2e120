package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/ui/api"
)

func newSLO(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "slo",
		Short: "Objectives, their error budgets and what is burning them",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := g.api()
			if err != nil {
				return err
			}
			var out struct {
				SLOs   []api.SLO   `json:"slos"`
				Alerts []api.Alert `json:"alerts"`
			}
			for _, path := range []string{"/api/v1/slos", "/api/v1/alerts"} {
				if err := a.Get(c.Context(), path, nil, &out); err != nil {
					return fmt.Errorf("slo: %w", err)
				}
			}
			g.sayNone(c, len(out.SLOs), "there is no objective: one is a manifest of kind SLO for `sightline apply`")
			return g.print(c.OutOrStdout(), out, func(t *table) {
				t.head("OBJECTIVE", "SERVICE", "TARGET", "BUDGET LEFT")
				for _, s := range out.SLOs {
					left := "no data"
					if s.BudgetLeft != nil {
						left = fmt.Sprintf("%.1f %%", 100*(*s.BudgetLeft))
					}
					t.row(s.Name, s.Service, fmt.Sprintf("%g %%", 100*s.Objective), left)
				}
				if len(out.Alerts) > 0 {
					t.row()
					t.head("ALERT", "STATE", "SINCE")
				}
				for _, a := range out.Alerts {
					t.row(a.Name, a.State, a.Since)
				}
			})
		},
	}
}
