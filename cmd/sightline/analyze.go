package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/bundle"
	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/cmd/sightline/replay"
	"github.com/sightline-mesh/sightline/controlplane/analyze"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// maxReplay is as long as the store keeps access logs.
const maxReplay = 7 * 24 * time.Hour

func newAnalyze(g *globals) *cobra.Command {
	var a analysis
	failOn := config.SeverityError
	c := &cobra.Command{
		Use:   "analyze [-f file|directory…]",
		Short: "Say what is wrong or odd in configuration before it takes effect",
		Long: "Say what is wrong or odd in manifests, against everything that is in force in the running\n" +
			"mesh, or by themselves with --offline; without -f, in what is in force.\n\n" +
			"Kubernetes' own kinds among the files are not for the mesh; offline, Services and the pods\n" +
			"they select say what will run. Each finding has a code: controlplane/analyze/CODES.md\n" +
			"says more. The status is 0 when nothing was found at or above --fail-on, 1 when something\n" +
			"was, and 2 when the analysis could not be made.\n\n" +
			"With --replay 1h the requests that sidecars recorded in the last hour are decided anew, as\n" +
			"if the files were in force: what would be routed, refused, timed out or retried otherwise.\n" +
			"Most headers, tokens and addresses are not recorded: where a rule turns on one of them,\n" +
			"and the route taken does not give it away, it says that it cannot tell.",
		Example: "  sightline analyze --offline -f deploy/\n" +
			"  sightline analyze -f canary.yaml --fail-on warning\n" +
			"  sightline analyze --replay 1h -f canary.yaml\n" +
			"  sightline analyze -o json",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.tell(c, g, failOn)
		},
	}
	c.Flags().StringArrayVarP(&a.files, "file", "f", nil, "manifest, or a directory of them; - is standard input")
	c.Flags().BoolVar(&a.offline, "offline", false, "look at the files alone, without a running mesh")
	c.Flags().DurationVar(&a.replay, "replay", 0, "decide the requests recorded in this last while anew, by the files")
	c.Flags().IntVar(&a.limit, "replay-limit", replay.MaxRequests, "how many requests at most, the newest ones")
	c.Flags().Var(newOneOf(&failOn, config.SeverityError, config.SeverityWarning, config.SeverityInfo), "fail-on", "error, warning or info: the least that gives status 1")
	return c
}

// findings is the answer of an analysis.
type findings struct {
	Findings []mesh.Finding    `json:"findings"`
	Skipped  []analyze.Skipped `json:"skipped,omitempty"`
	Partly   bool              `json:"partly,omitempty"` // what could not be read hid the rest
	Replay   *mesh.Replay      `json:"replay,omitempty"`
}

// analysis is what is asked for.
type analysis struct {
	files   []string
	stdin   io.Reader
	offline bool
	// Of a replay: how far back and how many requests; no time is none.
	replay   time.Duration
	limit    int
	progress io.Writer
}

// tell makes the analysis and writes it; findings of that severity are errFound.
func (a analysis) tell(c *cobra.Command, g *globals, failOn string) error {
	a.stdin = c.InOrStdin()
	if terminal(c.ErrOrStderr()) {
		a.progress = c.ErrOrStderr()
	}
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
}

func (a analysis) run(ctx context.Context, g *globals) (findings, error) {
	if err := a.check(); err != nil {
		return findings{}, err
	}
	if len(a.files) == 0 {
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
	if err == nil && a.replay > 0 && !config.Refused(out.Findings) {
		err = out.replays(ctx, g, a, read.Manifest)
	}
	return out, err
}

// check refuses questions that make no sense.
func (a analysis) check() error {
	switch {
	case a.replay < 0, a.replay > maxReplay:
		return fmt.Errorf("--replay %s: want at most %s", a.replay, maxReplay)
	case a.replay > 0 && a.offline:
		return errors.New("--replay needs the running mesh, which has the requests; leave --offline out")
	case a.replay > 0 && len(a.files) == 0:
		return errors.New("--replay needs a candidate; give -f")
	case a.limit < 1:
		return fmt.Errorf("--replay-limit %d: want at least 1", a.limit)
	case a.offline && len(a.files) == 0:
		return errors.New("--offline needs files to look at; give -f")
	}
	return nil
}

func (f *findings) replays(ctx context.Context, g *globals, a analysis, text []byte) error {
	api, err := g.api()
	if err != nil {
		return err
	}
	r := replaying{api: api, manifest: text, end: time.Now(), window: a.replay, limit: a.limit, progress: a.progress}
	out, err := r.run(ctx)
	if err == nil {
		f.Replay = &out
	}
	return err
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
