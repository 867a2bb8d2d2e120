package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newBreaker(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "breaker",
		Short: "Verdicts in force: what the mesh keeps traffic away from, and why",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := g.api()
			if err != nil {
				return err
			}
			var out breakers
			if err := api.Get(c.Context(), "/api/v1/breakers", nil, &out); err != nil {
				return fmt.Errorf("breaker: %w", err)
			}
			g.sayNone(c, len(out.Breakers), "no breaker is tripped by the control plane")
			return g.print(c.OutOrStdout(), out, out.text)
		},
	}
	c.AddCommand(
		newTrip(g),
		onVerdict(g, "release", "Let traffic through again"),
		onVerdict(g, "hold", "Keep a verdict as it is: no probing, no automatic release"),
	)
	return c
}

// breakers is the API's answer on verdicts.
type breakers struct {
	Breakers []mesh.Verdict `json:"breakers"`
}

func (b breakers) text(t *table) {
	t.head("ID", "TARGET", "PHASE", "ADMITS", "HELD", "SINCE", "BY", "REASON")
	t.spare("BY", "SINCE", "HELD", "ADMITS")
	for _, v := range b.Breakers {
		t.row(v.ID, v.Target, string(v.Phase), fmt.Sprintf("%.0f %%", 100*v.Admit), v.Held, v.Since, v.By, v.Reason)
	}
}

func newTrip(g *globals) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "trip service:version[/instance]",
		Short: "Keep traffic away from a version or an instance until it is released",
		Example: "  sightline breaker trip payments:v2 --reason 'bad release'\n" +
			"  sightline breaker trip payments:v2/payments-v2-1 --reason 'disk full'",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			target, err := parseTarget(args[0])
			if err != nil {
				return err
			}
			in := map[string]string{
				"service": string(target.Service), "version": string(target.Version), "instance": string(target.Instance), "reason": reason,
			}
			return changeBreakers(c, g, "trip", in)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why; it goes into the timeline")
	_ = c.MarkFlagRequired("reason")
	return c
}

// onVerdict is a command that does something to a verdict.
func onVerdict(g *globals, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use:               verb + " id",
		Short:             short,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.completeVerdict,
		RunE: func(c *cobra.Command, args []string) error {
			return changeBreakers(c, g, verb, map[string]string{"id": args[0]})
		},
	}
}

// changeBreakers asks for a change and shows the verdicts that hold then.
func changeBreakers(c *cobra.Command, g *globals, verb string, in map[string]string) error {
	api, err := g.api()
	if err != nil {
		return err
	}
	var out breakers
	if err := api.Send(c.Context(), http.MethodPost, "/api/v1/breakers/"+verb, in, &out); err != nil {
		return err // which names what was to be done
	}
	return g.print(c.OutOrStdout(), out, out.text)
}
