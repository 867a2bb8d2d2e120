package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
)

func newToken(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Join tokens: let workloads into the mesh"}
	c.AddCommand(newTokenCreate(g))
	return c
}

func newTokenCreate(g *globals) *cobra.Command {
	var in struct {
		TTL       string `json:"ttl,omitempty"`
		Uses      int    `json:"uses,omitempty"`
		Service   string `json:"service,omitempty"`
		Namespace string `json:"namespace,omitempty"`
	}
	var ttl time.Duration
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a join token and print it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := g.api()
			if err != nil {
				return err
			}
			in.TTL = ttl.String()
			var out struct {
				Token string `json:"token"`
			}
			if err := api.Send(c.Context(), http.MethodPost, "/api/v1/tokens", in, &out); err != nil {
				return fmt.Errorf("create token: %w", err)
			}
			return g.print(c.OutOrStdout(), out, func(t *table) { t.row(out.Token) })
		},
	}
	c.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long it is good for")
	c.Flags().IntVar(&in.Uses, "uses", 0, "how often it may be used; 0 is any number")
	c.Flags().StringVar(&in.Service, "service", "", "only for this service")
	c.Flags().StringVarP(&in.Namespace, "namespace", "n", "", "only for this namespace")
	return c
}

func newSignIn(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "signin",
		Short: "Print a one-time link that signs a browser in",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			servers, err := client.Servers(g.server)
			if err != nil {
				return err
			}
			api, err := g.apiAt(servers[0]) // a link is good at the server that made it
			if err != nil {
				return err
			}
			var out struct {
				Path string `json:"path"`
			}
			if err := api.Send(c.Context(), http.MethodPost, "/api/v1/session/link", nil, &out); err != nil {
				return fmt.Errorf("make sign-in link: %w", err)
			}
			return g.print(c.OutOrStdout(), out, func(t *table) { t.row(servers[0] + out.Path) })
		},
	}
}
