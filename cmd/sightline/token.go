package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newToken(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Join tokens: let workloads into the mesh"}
	c.AddCommand(newTokenCreate(g), newTokenList(g), newTokenRevoke(g))
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
			if ttl <= 0 {
				return fmt.Errorf("token create: --ttl %s: want more than 0", ttl)
			}
			in.TTL = ttl.String()
			var out struct {
				Token string `json:"token"`
			}
			if err := api.Send(c.Context(), http.MethodPost, "/api/v1/tokens", in, &out); err != nil {
				return err // which says what was to be done
			}
			return g.print(c.OutOrStdout(), out, func(t *table) { t.row(out.Token) })
		},
	}
	c.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long it is good for")
	c.Flags().IntVar(&in.Uses, "uses", 0, "how often it may be used; 0 is any number")
	c.Flags().StringVar(&in.Service, "service", "", "only for this service, or those of a pattern such as shop-*")
	c.Flags().StringVarP(&in.Namespace, "namespace", "n", "", "only for this namespace, or those of a pattern")
	return c
}

func newTokenList(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Join tokens, the newest first; their secrets are not kept",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := g.api()
			if err != nil {
				return err
			}
			var out struct {
				Tokens []mesh.JoinToken `json:"tokens"`
			}
			if err := api.Get(c.Context(), "/api/v1/tokens", nil, &out); err != nil {
				return fmt.Errorf("list tokens: %w", err)
			}
			return g.print(c.OutOrStdout(), out.Tokens, func(t *table) {
				t.head("ID", "STATE", "SERVICE", "NAMESPACE", "USED", "LEFT", "EXPIRES", "BY")
				t.spare("BY", "USED")
				for _, one := range out.Tokens {
					left := "any"
					if one.Limited {
						left = strconv.Itoa(one.Uses)
					}
					state := one.State
					if one.OldRoot {
						state += ", of a root that does not sign"
					}
					t.row(one.ID, state, one.Service, one.Namespace, one.Used, left, one.Expires, one.By)
				}
			})
		},
	}
}

func newTokenRevoke(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:               "revoke ID",
		Short:             "End a join token: who enrolled with it keeps the certificate",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.completeToken,
		RunE: func(c *cobra.Command, args []string) error {
			api, err := g.api()
			if err != nil {
				return err
			}
			id := args[0]
			if parts := strings.Split(id, "_"); len(parts) > 1 { // the whole token: its secret goes nowhere
				id = parts[1]
			}
			if err := api.Send(c.Context(), http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(id), nil, nil); err != nil {
				return err // which names it
			}
			return g.print(c.OutOrStdout(), map[string]string{"revoked": id}, func(t *table) { t.row("revoked") })
		},
	}
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
