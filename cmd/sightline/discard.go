package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newDiscard(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "discard table key",
		Short: "Remove a stored value that the control plane cannot read, as sightline status names it",
		Long: "Remove a stored value that the control plane cannot read, as `sightline status` names it. Another\n" +
			"version of the program may have stored it, and be able to read it: while control planes are\n" +
			"upgraded, wait until all are. A resource is removed with `sightline delete`.",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := g.api()
			if err != nil {
				return err
			}
			q := url.Values{"table": {args[0]}, "key": {args[1]}}
			if err := api.Send(c.Context(), http.MethodDelete, "/api/v1/unreadable?"+q.Encode(), nil, nil); err != nil {
				return err // which names it
			}
			fmt.Fprintln(c.OutOrStdout(), "discarded")
			return nil
		},
	}
}

// remedyOf is the command that removes what cannot be read.
func remedyOf(u mesh.Unreadable) string {
	if u.Resource == "" {
		return fmt.Sprintf("`sightline discard %s %s`", u.Table, u.Key)
	}
	kind, rest, _ := strings.Cut(u.Resource, " ")
	namespace, name, _ := strings.Cut(rest, "/")
	return fmt.Sprintf("`sightline delete %s %s -n %s`", kind, name, namespace)
}
