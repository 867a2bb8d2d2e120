package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// abbreviations are the kinds as people abbreviate them.
var abbreviations = map[string]string{
	"vs": config.KindVirtualService, "dr": config.KindDestinationRule, "pa": config.KindPeerAuthentication,
	"ra": config.KindRequestAuthentication, "ap": config.KindAuthorizationPolicy, "all": "", "": "",
}

// kindOf is a kind by any of its spellings: its name in any case, its plural, or abbreviated.
func kindOf(s string) (string, error) {
	word := strings.ToLower(s)
	if k, ok := abbreviations[word]; ok {
		return k, nil
	}
	for _, k := range config.Kinds() {
		name := strings.ToLower(k)
		if word == name || word == name+"s" || word == strings.TrimSuffix(name, "y")+"ies" {
			return k, nil
		}
	}
	return "", fmt.Errorf("kind %q: want %s, vs, dr or all", s, strings.Join(kindNames(), ", "))
}

// oneKindOf is a kind where all of them will not do.
func oneKindOf(s string) (string, error) {
	kind, err := kindOf(s)
	if err == nil && kind == "" {
		return "", fmt.Errorf("kind %q: want one, such as virtualservice", s)
	}
	return kind, err
}

// kindNames are the kinds as they are typed.
func kindNames() []string {
	all := config.Kinds()
	for i, k := range all {
		all[i] = strings.ToLower(k)
	}
	return all
}

func newGet(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "get [kind] [name]",
		Short: "Show configuration; with a name, the manifest",
		Args:  cobra.MaximumNArgs(2),

		ValidArgsFunction: g.completeResource,
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
				return g.manifest(c, all, args[1])
			}
			defer sayUnreadable(c.ErrOrStderr(), all)
			g.sayNone(c, len(all), "there is no "+cmp.Or(kind, "configuration"))
			return g.print(c.OutOrStdout(), all, func(t *table) {
				t.head("KIND", "NAMESPACE", "NAME", "VERSION", "CHANGED", "BY")
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
	if err := api.Get(c.Context(), configPath, url.Values{"kind": {kind}}, &out); err != nil {
		return nil, fmt.Errorf("get %s: %w", cmp.Or(kind, "configuration"), err)
	}
	return out.Resources, nil
}

// manifest writes the YAML of the resources of that name, "name" or "namespace/name"; with
// -o json or yaml all there is to know of them, in a list as without a name.
func (g *globals) manifest(c *cobra.Command, all []mesh.Resource, name string) error {
	all = slices.DeleteFunc(all, func(r mesh.Resource) bool { return r.Name != name && r.Namespace+"/"+r.Name != name })
	if len(all) == 0 {
		return fmt.Errorf("get: nothing is named %q", name)
	}
	if g.output != "text" {
		return g.print(c.OutOrStdout(), all, nil)
	}
	for i, r := range all {
		if i > 0 {
			fmt.Fprintln(c.OutOrStdout(), "---")
		}
		sayUnreadable(c.ErrOrStderr(), all[i:i+1])
		text, err := withStatus(r)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c.OutOrStdout(), text); err != nil {
			return err
		}
	}
	return nil
}

// sayUnreadable tells a person which of the resources the control plane cannot read.
func sayUnreadable(w io.Writer, all []mesh.Resource) {
	for _, r := range all {
		if r.Unreadable != "" {
			_, _ = fmt.Fprintf(w, "%s %s/%s cannot be read by the control plane: %s\n", r.Kind, r.Namespace, r.Name, r.Unreadable)
		}
	}
}

// oldStatus is what a manifest says of its own status, which may be out of date.
var oldStatus = regexp.MustCompile(`(?m)^status:.*\n?([ \t-].*\n?|\n)*`)

// withStatus is the manifest of a resource and, if its kind has one, its status.
func withStatus(r mesh.Resource) (string, error) {
	if r.Status == nil {
		return strings.TrimSpace(r.Manifest), nil
	}
	status, err := yaml.Marshal(map[string]any{"status": r.Status})
	if err != nil {
		return "", fmt.Errorf("write status of %s %s: %w", r.Kind, r.Name, err)
	}
	return strings.TrimSpace(oldStatus.ReplaceAllString(r.Manifest, "")) + "\n" + strings.TrimSpace(string(status)), nil
}

func newDelete(g *globals) *cobra.Command {
	var namespace string
	c := &cobra.Command{
		Use:   "delete kind name",
		Short: "Delete a piece of configuration",
		Args:  cobra.ExactArgs(2),

		ValidArgsFunction: g.completeResource,
		RunE: func(c *cobra.Command, args []string) error {
			kind, err := oneKindOf(args[0])
			if err != nil {
				return fmt.Errorf("delete: %w", err)
			}
			api, err := g.api()
			if err != nil {
				return err
			}
			path := "/api/v1/config/" + url.PathEscape(kind) + "/" + url.PathEscape(namespace) + "/" + url.PathEscape(args[1])
			found, err := refusalOf(api.Send(c.Context(), http.MethodDelete, path, nil, nil), nil)
			if err != nil {
				return err // which names it
			}
			if len(found) > 0 {
				return sayFindings(c.ErrOrStderr(), found)
			}
			done := map[string]string{"deleted": kind + " " + namespace + "/" + args[1]}
			return g.print(c.OutOrStdout(), done, func(t *table) { t.row("deleted") })
		},
	}
	c.Flags().StringVarP(&namespace, "namespace", "n", mesh.DefaultNamespace, "namespace of the resource")
	return c
}
