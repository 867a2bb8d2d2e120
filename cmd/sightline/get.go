package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// kinds are the spellings of a kind that people type.
var kinds = map[string]string{
	"virtualservice": "VirtualService", "virtualservices": "VirtualService", "vs": "VirtualService",
	"destinationrule": "DestinationRule", "destinationrules": "DestinationRule", "dr": "DestinationRule",
	"slo": "SLO", "slos": "SLO", "all": "", "": "",
}

func kindOf(s string) (string, error) {
	k, ok := kinds[strings.ToLower(s)]
	if !ok {
		return "", fmt.Errorf("kind %q: want virtualservice (vs), destinationrule (dr), slo or all", s)
	}
	return k, nil
}

func newGet(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "get [kind] [name]",
		Short: "Show configuration; with a name, the manifest",
		Args:  cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			args = append(args, "", "")
			kind, err := kindOf(args[0])
			if err != nil {
				return err
			}
			all, err := resources(c, g, kind)
			if err != nil {
				return err
			}
			if args[1] != "" {
				return manifest(c, all, args[1])
			}
			return g.print(c.OutOrStdout(), all, func(t *table) {
				t.row("KIND", "NAMESPACE", "NAME", "VERSION", "CHANGED", "BY")
				for _, r := range all {
					t.row(r.Kind, r.Namespace, r.Name, r.Version, r.Changed, r.By)
				}
			})
		},
	}
}

func resources(c *cobra.Command, g *globals, kind string) ([]mesh.Resource, error) {
	api, err := g.api()
	if err != nil {
		return nil, err
	}
	var out struct {
		Resources []mesh.Resource `json:"resources"`
	}
	if err := api.Get(c.Context(), "/api/v1/config", url.Values{"kind": {kind}}, &out); err != nil {
		return nil, fmt.Errorf("get %s: %w", kind, err)
	}
	return out.Resources, nil
}

// manifest writes the YAML of the resources of that name, "name" or "namespace/name".
func manifest(c *cobra.Command, all []mesh.Resource, name string) error {
	found := false
	for _, r := range all {
		if r.Name != name && r.Namespace+"/"+r.Name != name {
			continue
		}
		if found {
			c.Println("---")
		}
		found = true
		if _, err := fmt.Fprintln(c.OutOrStdout(), strings.TrimSpace(r.Manifest)); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("nothing is named %q", name)
	}
	return nil
}

func newDelete(g *globals) *cobra.Command {
	var namespace string
	c := &cobra.Command{
		Use:   "delete kind name",
		Short: "Delete a piece of configuration",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			kind, err := kindOf(args[0])
			if err != nil {
				return err
			}
			api, err := g.api()
			if err != nil {
				return err
			}
			path := "/api/v1/config/" + url.PathEscape(kind) + "/" + url.PathEscape(namespace) + "/" + url.PathEscape(args[1])
			if err := api.Send(c.Context(), http.MethodDelete, path, nil, nil); err != nil {
				return fmt.Errorf("delete %s %s: %w", args[0], args[1], err)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&namespace, "namespace", "n", mesh.DefaultNamespace, "namespace of the resource")
	return c
}
