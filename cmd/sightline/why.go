package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/ui/api"
)

func newWhy(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "why trace-or-request-id",
		Short: "Why a request ended as it did, hop by hop, and whether it is already handled",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			from, err := g.api()
			if err != nil {
				return err
			}
			var w api.Why
			if err := from.Get(c.Context(), "/api/v1/why/"+url.PathEscape(args[0]), nil, &w); err != nil {
				return fmt.Errorf("why: %w", err)
			}
			return g.print(c.OutOrStdout(), w, func(t *table) { tellWhy(t, w) })
		},
	}
}

func tellWhy(t *table, w api.Why) {
	t.row(w.Summary)
	if w.Note != "" {
		t.row(w.Note)
	}
	t.row()
	t.head("TIME", "TOLD BY", "PEER", "REQUEST", "STATUS", "MS", "ENDED BY", "FLAGS")
	for _, h := range w.Hops {
		t.row(h.Log.Time.Local().Format("15:04:05.000"), h.Log.Service, h.Log.Peer, strings.TrimSpace(h.Log.Method+" "+h.Log.Path),
			h.Log.Status, fmt.Sprintf("%.1f", h.Log.DurationMS), h.GeneratedBy, flagsOf(h))
		for i, try := range h.Tries {
			t.row("", fmt.Sprintf("  try %d", i+1), try.Instance, "", try.Status, fmt.Sprintf("%.1f", try.MS), "", try.Reason)
		}
	}
	for _, v := range w.Verdicts {
		t.row()
		t.row(fmt.Sprintf("breaker %s: %s since %s by %s: %s", v.Target, v.Phase, cell(v.Since), v.By, v.Reason))
	}
}

func flagsOf(h api.Hop) string {
	words := make([]string, len(h.Flags))
	for i, f := range h.Flags {
		words[i] = f.Flag + " (" + f.Meaning + ")"
	}
	return strings.Join(words, ", ")
}
