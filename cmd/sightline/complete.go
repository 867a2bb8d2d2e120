package main

import (
	"slices"

	"github.com/spf13/cobra"
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
