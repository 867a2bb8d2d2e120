package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newTraffic(g *globals) *cobra.Command {
	var undo bool
	c := &cobra.Command{
		Use:   "traffic service [v1=90 v2=10]",
		Short: "Show or set how requests to a service are split over its versions",
		Example: "  sightline traffic reviews\n" +
			"  sightline traffic reviews v1=90 v2=10\n" +
			"  sightline traffic reviews --undo",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: g.completeService,
		RunE: func(c *cobra.Command, args []string) error {
			if undo && len(args) > 1 {
				return fmt.Errorf("traffic: --undo takes no weights, and %q is one", args[1])
			}
			service, err := serviceNamed(args[0])
			if err != nil {
				return fmt.Errorf("traffic: %w", err)
			}
			args[0] = string(service)
			t, err := traffic(c, g, args, undo)
			if err != nil {
				return err
			}
			if g.output == "text" && t.Source == "" && len(t.Versions)+len(t.Weights) == 0 {
				return fmt.Errorf("traffic: %s has no instance with a version, and no VirtualService divides its requests", args[0])
			}
			return g.print(c.OutOrStdout(), t, func(out *table) {
				out.head("VERSION", "WEIGHT")
				for _, v := range versionsOf(t) {
					weight := "even"
					if len(t.Weights) > 0 {
						weight = strconv.Itoa(int(t.Weights[v]))
					}
					out.row(string(v), weight)
				}
			})
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "take back the newest change of weights")
	return c
}

func traffic(c *cobra.Command, g *globals, args []string, undo bool) (mesh.Traffic, error) {
	var t mesh.Traffic
	api, err := g.api()
	if err != nil {
		return t, err
	}
	path := "/api/v1/traffic/" + url.PathEscape(args[0])
	switch {
	case undo:
		err = api.Send(c.Context(), http.MethodPost, path+"/undo", nil, &t)
	case len(args) > 1:
		var weights map[string]uint32
		if weights, err = parseWeights(args[1:]); err == nil {
			err = api.Send(c.Context(), http.MethodPut, path, weights, &t)
		}
	default:
		err = api.Get(c.Context(), path, nil, &t)
	}
	return t, err
}

func parseWeights(args []string) (map[string]uint32, error) {
	out := map[string]uint32{}
	for _, a := range args {
		version, weight, ok := strings.Cut(a, "=")
		n, err := strconv.ParseUint(weight, 10, 16)
		if !ok || version == "" || err != nil {
			return nil, fmt.Errorf("traffic: weight %q: want version=weight, such as v2=10", a)
		}
		if _, twice := out[version]; twice {
			return nil, fmt.Errorf("traffic: weight %q: version %s has one already", a, version)
		}
		out[version] = uint32(n)
	}
	return out, nil
}

// versionsOf is every version that has instances or a weight.
func versionsOf(t mesh.Traffic) []mesh.Version {
	all := slices.Clone(t.Versions)
	for v := range t.Weights {
		all = append(all, v)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
