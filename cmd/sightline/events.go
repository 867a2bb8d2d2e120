package main

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newEvents(g *globals) *cobra.Command {
	var limit int
	var service string
	c := &cobra.Command{
		Use:   "events",
		Short: "The mesh's timeline, newest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := g.api()
			if err != nil {
				return err
			}
			q := url.Values{"limit": {strconv.Itoa(limit)}}
			if service != "" {
				q.Set("service", service)
			}
			var out struct {
				Events []mesh.Event `json:"events"`
			}
			if err := api.Get(c.Context(), "/api/v1/events", q, &out); err != nil {
				return fmt.Errorf("events: %w", err)
			}
			return g.print(c.OutOrStdout(), out.Events, func(t *table) {
				t.head("TIME", "KIND", "TARGET", "BY", "WHAT")
				for _, e := range out.Events {
					t.row(e.Time, string(e.Kind), e.Target, e.By, e.Summary)
				}
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 50, "how many at most")
	c.Flags().StringVar(&service, "service", "", "only this service")
	return c
}
