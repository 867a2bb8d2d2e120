package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/cmd/sightline/demo"
	"github.com/sightline-mesh/sightline/cmd/sightline/up"
	"github.com/sightline-mesh/sightline/ui/session"
)

// demoFlags are what a person says of a demo.
type demoFlags struct {
	mesh   up.Config
	length time.Duration
	rate   float64
	faults []string
	dir    string // empty is one that is gone afterwards
}

func newDemo(g *globals) *cobra.Command {
	d := demoFlags{mesh: demoMesh()}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the mesh with a shop of ten services and a load, on this machine",
		Example: "  sightline demo\n" +
			"  sightline demo --for 90s --rps 200 --fault errors@payments:v2,at=30s,for=30s --output json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, done, err := demoDir(d.dir)
			if err != nil {
				return err
			}
			d.mesh.Dir = dir
			if err := secrets(cmd.Flags(), &d.mesh); err != nil {
				return err
			}
			if err := d.run(cmd, g); err != nil {
				return err // the directory stays: its logs say why
			}
			return done()
		},
	}
	meshFlags(cmd.Flags(), &d.mesh)
	f := cmd.Flags()
	f.StringVar(&d.dir, "dir", "", fmt.Sprintf( // in the place of the one that all commands have
		"where the demo keeps its state (default: a new directory in %s, which it tells, and removes when it ends)", os.TempDir()))
	f.DurationVar(&d.length, "for", 0, "how long to load the shop (default: until Ctrl-C)")
	f.Float64Var(&d.rate, "rps", 50, "requests per second at the shop's gateway")
	f.StringArrayVar(&d.faults, "fault", nil, "what to break and when: errors@payments:v2,at=30s,for=30s")
	return cmd
}

// demoMesh keeps everything on loopback: nothing of a demo is for others.
func demoMesh() up.Config {
	c := up.Default()
	for _, addr := range []*string{&c.ControlPlaneListen, &c.OTLPGRPCListen, &c.OTLPHTTPListen} {
		*addr = "127.0.0.1" + *addr
	}
	return c
}

// demoDir is where the demo keeps its state: a directory that was asked for is kept,
// else one that is gone afterwards.
func demoDir(asked string) (string, func() error, error) {
	if asked != "" {
		return asked, func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "sightline-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make the demo's directory: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

func (d *demoFlags) run(cmd *cobra.Command, g *globals) error {
	c, err := d.config(cmd)
	if err != nil {
		return err
	}
	m, err := up.New(d.mesh)
	if err != nil {
		return err
	}
	report, err := play(cmd, m, c)
	if cmd.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return nil // Ctrl-C before there was anything to report
	}
	if err != nil {
		return fmt.Errorf("demo: %w (logs are in %s)", err, d.mesh.Log)
	}
	if g.output == "json" {
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return report.Text(cmd.OutOrStdout())
}

// config checks everything a person said before anything starts.
func (d *demoFlags) config(cmd *cobra.Command) (demo.Config, error) {
	self, err := os.Executable()
	if err != nil {
		return demo.Config{}, fmt.Errorf("find this program: %w", err)
	}
	d.mesh.Program, d.mesh.Log = self, filepath.Join(d.mesh.Dir, "log")
	if err := os.MkdirAll(d.mesh.Log, 0o700); err != nil {
		return demo.Config{}, fmt.Errorf("make the demo's log directory: %w", err)
	}
	out, err := os.OpenFile(filepath.Join(d.mesh.Log, "up.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return demo.Config{}, fmt.Errorf("open the demo's log: %w", err)
	}
	d.mesh.Logger = slog.New(slog.NewTextHandler(out, nil))
	c := demo.Config{
		Dir: d.mesh.Dir, For: d.length, Rate: d.rate, Progress: cmd.ErrOrStderr(),
		Proxy:        filepath.Join(filepath.Dir(self), "sightline-proxy"),
		Shop:         filepath.Join(filepath.Dir(self), "sightline-shop"),
		ControlPlane: d.mesh.ControlPlaneListen, Collector: d.mesh.OTLPHTTPListen,
	}
	for _, program := range []string{c.Proxy, c.Shop} {
		if _, err := os.Stat(program); err != nil {
			return c, fmt.Errorf("demo needs %s beside it: %w (run `make build`)", filepath.Base(program), err)
		}
	}
	for _, s := range d.faults {
		f, err := demo.ParseFault(s)
		if err != nil {
			return c, err
		}
		c.Faults = append(c.Faults, f)
	}
	return c, portsFree(cmd.Context(), d.mesh)
}

// portsFree says which port is taken before a dozen processes trip over it.
func portsFree(ctx context.Context, c up.Config) error {
	var bad []error
	for _, addr := range []string{c.Listen, c.ControlPlaneListen, c.OTLPGRPCListen, c.OTLPHTTPListen, c.StoreListen} {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			bad = append(bad, fmt.Errorf("%w (is another Sightline running? end it, or choose other ports: sightline demo --help)", err))
			continue
		}
		_ = l.Close()
	}
	return errors.Join(bad...)
}

// play runs the demo on a mesh of its own. The mesh outlives the shop, whose last
// telemetry it stores; where the mesh fails, the shop ends with it.
func play(cmd *cobra.Command, m *up.Mesh, c demo.Config) (demo.Report, error) {
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	below, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ended := make(chan error, 1)
	go func() {
		err := m.Run(below)
		stop()
		ended <- err
	}()
	report, err := perform(ctx, cmd, m, c)
	end()
	failure := <-ended
	if failure != nil && errors.Is(err, context.Canceled) {
		err = nil // a consequence
	}
	return report, errors.Join(failure, err)
}

// perform waits for the mesh, lets the shop in, and runs it.
func perform(ctx context.Context, cmd *cobra.Command, m *up.Mesh, c demo.Config) (demo.Report, error) {
	cmd.PrintErrln("mesh: starting (store, control plane, collector)")
	m.Await(ctx, func(what string) { cmd.PrintErrln("mesh: " + what) })
	if err := ctx.Err(); err != nil {
		return demo.Report{}, err
	}
	token, err := client.TokenFile(filepath.Join(c.Dir, "ui", session.TokenFile))
	if err != nil {
		return demo.Report{}, err
	}
	api, err := client.New(m.URL(), token)
	if err != nil {
		return demo.Report{}, err
	}
	var join struct{ Token string }
	if err := api.Send(ctx, http.MethodPost, "/api/v1/tokens", map[string]any{"ttl": "24h"}, &join); err != nil {
		return demo.Report{}, fmt.Errorf("make a join token: %w", err)
	}
	c.Token, c.URL, c.Memory = join.Token, m.URL(), m.PIDs
	cmd.PrintErrf("\n  %s\n  sign in once: %s\n  from a shell: %s\n\n", m.URL(), m.SignInLink(), reach(os.Args[0], c.Dir, c.URL))
	return demo.Run(ctx, c, api)
}

// reach is a command line that asks the demo how it is; its flags are those with which
// all commands reach it.
func reach(program, dir, server string) string {
	line := program + " status --dir " + dir
	if server != defaultServer || os.Getenv(serverVariable) != "" {
		line += " --server " + server
	}
	return line
}
