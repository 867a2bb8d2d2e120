package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newApply(g *globals) *cobra.Command {
	var files []string
	var dry bool
	c := &cobra.Command{
		Use:   "apply -f file…",
		Short: "Apply manifests: VirtualService, DestinationRule, SLO",
		Long: "Apply manifests as one change: all of it takes effect, or none. The change is checked\n" +
			"against everything that is there; what is wrong is named with its path.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			manifest, err := read(files, c.InOrStdin())
			if err != nil {
				return err
			}
			path := "/api/v1/config"
			if dry {
				path += "/analyze"
			}
			return apply(c, g, manifest, path)
		},
	}
	c.Flags().StringArrayVarP(&files, "file", "f", nil, "manifest; - is standard input")
	c.Flags().BoolVar(&dry, "dry-run", false, "check only")
	_ = c.MarkFlagRequired("file")
	return c
}

// apply sends a manifest to be applied, or only to be looked at, and shows what was
// found.
func apply(c *cobra.Command, g *globals, manifest []byte, path string) error {
	api, err := g.api()
	if err != nil {
		return err
	}
	var out struct {
		Applied  bool           `json:"applied"`
		Findings []mesh.Finding `json:"findings"`
	}
	err = api.Send(c.Context(), http.MethodPost, path, client.YAML(manifest), &out)
	if p, ok := errors.AsType[*client.ProblemError](err); ok && len(p.Findings) > 0 {
		out.Findings, err = p.Findings, nil
	}
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	err = g.print(c.OutOrStdout(), out, func(t *table) {
		for _, f := range out.Findings {
			t.row(f.Severity, f.Resource, f.Path, f.Message)
		}
		if out.Applied {
			t.row("applied")
		}
	})
	refused := slices.ContainsFunc(out.Findings, func(f mesh.Finding) bool { return f.Severity == "error" })
	if err == nil && refused {
		return errFound
	}
	return err
}

// read joins manifests into one multi-document manifest.
func read(files []string, stdin io.Reader) ([]byte, error) {
	var all []byte
	for _, f := range files {
		var b []byte
		var err error
		if f == "-" {
			b, err = io.ReadAll(stdin)
		} else {
			b, err = os.ReadFile(f)
		}
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		all = append(append(all, "---\n"...), b...)
		all = append(all, '\n')
	}
	return all, nil
}
