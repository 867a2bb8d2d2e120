package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/cmd/sightline/supervise"
	"github.com/sightline-mesh/sightline/loadtest/freeport"
	"github.com/sightline-mesh/sightline/loadtest/shop"
)

// loadService is the name under which the load itself is in the mesh.
const loadService = "load"

// actor is one workload of the demo: a sidecar, and the app it starts.
type actor struct {
	member   shop.Member // zero for the load
	app      string      // address of the app; "" for the load
	outbound string
	inbound  string
	admin    string
	child    *supervise.Child
}

func (a *actor) name() string {
	if a.app == "" {
		return loadService
	}
	return a.member.Service + "-" + a.member.Version
}

// listeners is how many addresses an actor needs at most.
const listeners = 4

// cast gives every workload its addresses.
func cast(ctx context.Context) ([]*actor, error) {
	members := append(shop.Members(), shop.Member{Service: loadService})
	ports, err := freeport.Find(ctx, listeners*len(members))
	if err != nil {
		return nil, err
	}
	var actors []*actor
	for i, m := range members {
		at := ports[listeners*i:]
		a := &actor{member: m, outbound: at[0].String(), inbound: at[1].String(), admin: at[2].String()}
		if m.Service != loadService {
			a.app = at[3].String()
		}
		actors = append(actors, a)
	}
	return actors, nil
}

// args is the command line of the actor's sidecar.
func (a *actor) args(c Config) []string {
	args := []string{
		"run", "--service", a.member.Service,
		"--control-plane", c.ControlPlane, "--collector", c.Collector,
		"--dir", filepath.Join(c.Dir, "proxies", a.name()),
		"--outbound", a.outbound, "--inbound", a.inbound, "--admin", a.admin,
		"--instance", a.name() + "-1",
	}
	if a.app == "" {
		return args
	}
	_, port, _ := net.SplitHostPort(a.app)
	args = append(args, "--version", a.member.Version, "--port", port)
	return append(args, "--", c.Shop, "--service", a.member.Service, "--version", a.member.Version,
		"--listen", a.app, "--outbound", a.outbound)
}

// stage starts every actor and keeps it up until ctx ends. It calls stop when one has
// given up; wait then returns why.
func stage(ctx context.Context, stop func(), c Config, actors []*actor) (wait func() error, err error) {
	logs := filepath.Join(c.Dir, "log")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return nil, fmt.Errorf("make %s: %w", logs, err)
	}
	var g errgroup.Group
	for _, a := range actors {
		out, err := os.OpenFile(filepath.Join(logs, a.name()+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("log of %s: %w", a.name(), err)
		}
		a.child = a.process(c, out)
		g.Go(func() error {
			defer func() { _ = out.Close() }()
			err := a.child.Run(ctx)
			if err != nil {
				stop()
			}
			return err
		})
	}
	return g.Wait, nil
}

func (a *actor) process(c Config, out io.Writer) *supervise.Child {
	return &supervise.Child{
		Name: a.name(), Path: c.Proxy, Args: a.args(c), Out: out,
		Env:    append(os.Environ(), "SIGHTLINE_TOKEN="+c.Token),
		Logger: slog.New(slog.NewTextHandler(out, nil)),
	}
}
