package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/bundle"
	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/controlplane/analyze"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newApply(g *globals) *cobra.Command {
	var files []string
	var dry bool
	c := &cobra.Command{
		Use:   "apply -f file…",
		Short: "Apply manifests: routes, rules, policies, objectives",
		Long: "Apply manifests as one change: all of it takes effect, or none. The change is checked\n" +
			"against everything that is there; what is wrong is named with its path. Where a manifest\n" +
			"says metadata.resourceVersion, the VERSION that `sightline get` shows, nothing is applied\n" +
			"unless that is still the one. Kubernetes' own kinds beside Services are not for the mesh:\n" +
			"what is skipped is named.",
		Example: "  sightline apply -f routes.yaml --dry-run\n" +
			"  sightline apply -f deploy/",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			m, err := bundle.Read(files, c.InOrStdin())
			if err != nil {
				return err
			}
			path := configPath
			if dry {
				path += "/analyze"
			}
			return apply(c, g, m, path)
		},
	}
	c.Flags().StringArrayVarP(&files, "file", "f", nil, "manifest, or a directory of them; - is standard input")
	c.Flags().BoolVar(&dry, "dry-run", false, "check only")
	_ = c.MarkFlagRequired("file")
	return c
}

// configPath is where the API has the configuration, and where it takes changes of it.
const configPath = "/api/v1/config"

// application is what became of a manifest.
type application struct {
	Applied  bool           `json:"applied"`
	Findings []mesh.Finding `json:"findings"`

	Skipped []analyze.Skipped `json:"skipped,omitempty"` // as they are not for the mesh
}

// submit sends a manifest to a path that takes it. An error among the findings says that
// nothing was applied.
func submit(c *cobra.Command, g *globals, manifest []byte, path string) (application, error) {
	var out application
	api, err := g.api()
	if err != nil {
		return out, err
	}
	err = api.Send(c.Context(), http.MethodPost, path, client.YAML(manifest), &out)
	if out.Findings, err = refusalOf(err, out.Findings); err != nil {
		return out, fmt.Errorf("apply: %w", err)
	}
	return out, nil
}

// refusalOf is the findings for which the API refused a change, in place of its error; what
// was found and the error where it did not.
func refusalOf(err error, found []mesh.Finding) ([]mesh.Finding, error) {
	if p, ok := errors.AsType[*client.ProblemError](err); ok && len(p.Findings) > 0 {
		return p.Findings, nil
	}
	return found, err
}

// apply sends a manifest to be applied, or only to be looked at, and shows what was
// found.
func apply(c *cobra.Command, g *globals, m *bundle.Bundle, path string) error {
	text, skipped := analyze.ForMesh(m.Text)
	out, err := submit(c, g, text, path)
	if err != nil {
		return err
	}
	for _, s := range skipped {
		s.File, s.Line = m.At(s.Line)
		out.Skipped = append(out.Skipped, s)
	}
	out.Findings = m.Place(out.Findings)
	err = g.print(c.OutOrStdout(), out, func(t *table) {
		paint := colours(c.OutOrStdout())
		for _, f := range sorted(out.Findings) {
			if f.Severity != config.SeverityInfo { // for who asks: analyze has them
				t.row(line(f, paint))
			}
		}
		if len(out.Skipped) > 0 {
			t.row(skippedLine(out.Skipped))
		}
		switch {
		case out.Applied:
			t.row("applied")
		case !config.Refused(out.Findings):
			t.row("nothing speaks against it; nothing was applied")
		}
	})
	if err == nil && config.Refused(out.Findings) {
		return errFound
	}
	return err
}
