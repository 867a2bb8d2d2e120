package main

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// What a shell may offer is what the mesh has. A mesh that does not answer offers
// nothing: an error would land in the person's command line.

// completeResource offers kinds, then the names of resources of that kind.
func (g *globals) completeResource(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return kindNames(), cobra.ShellCompDirectiveNoFileComp
	case 1:
		var out []cobra.Completion
		if kind, err := kindOf(args[0]); err == nil {
			all, _ := resources(c, g, kind)
			for _, r := range all {
				out = append(out, r.Name)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completeInstance offers the instances.
func (g *globals) completeInstance(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if len(args) == 0 {
		all, _ := proxies(c, g)
		for _, p := range all {
			out = append(out, string(p.Instance.ID))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeService offers the services that have an instance.
func (g *globals) completeService(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if len(args) == 0 {
		all, _ := proxies(c, g)
		for _, p := range all {
			out = append(out, string(p.Instance.Service))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), cobra.ShellCompDirectiveNoFileComp
}

// completeChange offers the numbers of the newest changes, with what they did.
func (g *globals) completeChange(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if len(args) == 0 {
		all, _ := history(c, g, url.Values{})
		for _, ch := range all {
			out = append(out, cobra.CompletionWithDesc(strconv.FormatUint(ch.Number, 10), ch.Summary))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeVerdict offers the verdicts in force, with what they are about.
func (g *globals) completeVerdict(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	var all breakers
	if api, err := g.api(); err == nil && len(args) == 0 && api.Get(c.Context(), "/api/v1/breakers", nil, &all) == nil {
		for _, v := range all.Breakers {
			out = append(out, cobra.CompletionWithDesc(v.ID, v.Target.String()))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeToken offers the join tokens there are, with how they stand.
func (g *globals) completeToken(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	var all struct {
		Tokens []mesh.JoinToken `json:"tokens"`
	}
	if api, err := g.api(); err == nil && len(args) == 0 && api.Get(c.Context(), "/api/v1/tokens", nil, &all) == nil {
		for _, t := range all.Tokens {
			out = append(out, cobra.CompletionWithDesc(t.ID, t.State+" "+t.Service))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
