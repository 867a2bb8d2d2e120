package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/bundle"
	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/controlplane/analyze"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newAnalyze(g *globals) *cobra.Command {
	var files []string
	var offline bool
	failOn := config.SeverityError
	c := &cobra.Command{
		Use:   "analyze [-f file|directory…]",
		Short: "Say what is wrong or odd in configuration before it takes effect",
		Long: "Say what is wrong or odd in manifests, against everything that is in force in the running\n" +
			"mesh, or by themselves with --offline; without -f, in what is in force.\n\n" +
			"Kubernetes' own kinds among the files are not for the mesh; offline, Services and the pods\n" +
			"they select say what will run. Each finding has a code: controlplane/analyze/CODES.md\n" +
			"says more. The status is 0 when nothing was found at or above --fail-on, 1 when something\n" +
			"was, and 2 when the analysis could not be made.",
		Example: "  sightline analyze --offline -f deploy/\n" +
			"  sightline analyze -f canary.yaml --fail-on warning\n" +
			"  sightline analyze -o json",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a := analysis{files: files, stdin: c.InOrStdin(), offline: offline}
			found, err := a.run(c.Context(), g)
			if err == nil {
				err = g.printFindings(c.OutOrStdout(), found)
			}
			if err != nil {
				return err
			}
			if found.atLeast(failOn) {
				return errFound
			}
			return nil
		},
	}
	c.Flags().StringArrayVarP(&files, "file", "f", nil, "manifest, or a directory of them; - is standard input")
	c.Flags().BoolVar(&offline, "offline", false, "look at the files alone, without a running mesh")
	c.Flags().Var(newOneOf(&failOn, config.SeverityError, config.SeverityWarning, config.SeverityInfo), "fail-on", "error, warning or info: the least that gives status 1")
	return c
}

// findings is the answer of an analysis.
type findings struct {
	Findings []mesh.Finding    `json:"findings"`
	Skipped  []analyze.Skipped `json:"skipped,omitempty"`
	Partly   bool              `json:"partly,omitempty"` // what could not be read hid the rest
}

// analysis is what is asked for.
type analysis struct {
	files   []string
	stdin   io.Reader
	offline bool
}

func (a analysis) run(ctx context.Context, g *globals) (findings, error) {
	if len(a.files) == 0 {
		if a.offline {
			return findings{}, errors.New("--offline needs files to look at; give -f")
		}
		return inForce(ctx, g)
	}
	m, err := bundle.Read(a.files, a.stdin)
	if err != nil {
		return findings{}, err
	}
	read := analyze.ReadFiles(m.Text)
	out := findings{Findings: []mesh.Finding{}, Skipped: read.Skipped}
	for i, s := range out.Skipped {
		out.Skipped[i].File, out.Skipped[i].Line = m.At(s.Line)
	}
	if len(config.Sections(read.Manifest)) == 0 {
		return out, nil
	}
	if a.offline {
		out.offline(read)
	} else {
		err = out.online(ctx, g, read.Manifest)
	}
	out.Findings = m.Place(out.Findings)
	return out, err
}

// offline looks at the files alone. Where some of the mesh's own kinds cannot be read,
// what others say of them would be told wrongly.
func (f *findings) offline(read analyze.Files) {
	objects, bad := config.Read(read.Manifest)
	f.Findings = append(f.Findings, bad...)
	for _, b := range bad {
		f.Partly = f.Partly || b.Code != string(config.CodeKind)
	}
	if !f.Partly {
		f.Findings = append(f.Findings, analyze.Analyze(objects, read.World)...)
	}
}

// online has the control plane look.
func (f *findings) online(ctx context.Context, g *globals, text []byte) error {
	api, err := g.api()
	if err != nil {
		return err
	}
	var out findings
	if err := api.Send(ctx, http.MethodPost, "/api/v1/config/analyze", client.YAML(text), &out); err != nil {
		return fmt.Errorf("analyze: %w", err)
	}
	f.Findings = out.Findings
	return nil
}

// inForce is what there is to say of what the mesh has.
func inForce(ctx context.Context, g *globals) (findings, error) {
	var out findings
	api, err := g.api()
	if err != nil {
		return out, err
	}
	if err := api.Get(ctx, "/api/v1/config/analyze", nil, &out); err != nil {
		return out, fmt.Errorf("analyze: %w", err)
	}
	return out, nil
}
