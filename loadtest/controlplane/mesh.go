package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/loadtest/freeport"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
	"github.com/sightline-mesh/sightline/loadtest/sink"
)

const (
	patience  = 2 * time.Minute // for a step on a busy machine
	atOnce    = 8               // sidecars that enrol at a time
	manifests = 250             // resources in one change of the configuration
)

// rig is the control plane and the sidecars.
type rig struct {
	options

	dir     string
	address string
	pprof   string
	process *proc.Process
	source  *identity.Source
	token   string
	watch   *watch

	fleet   []*sidecar
	life    context.Context // of the clients
	end     context.CancelFunc
	running sync.WaitGroup
}

// start brings the control plane up and configures the services.
func start(ctx context.Context, o options, log io.Writer) (*rig, error) {
	f := &rig{options: o, watch: &watch{probes: map[mesh.ServiceName]*probe{}}}
	f.life, f.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := f.begin(ctx, log); err != nil {
		return nil, errors.Join(fmt.Errorf("start: %w", err), f.stop())
	}
	return f, nil
}

func (f *rig) begin(ctx context.Context, log io.Writer) error {
	var err error
	if f.dir, err = os.MkdirTemp("", "sightline-controlplane-"); err != nil {
		return err
	}
	ports, err := freeport.Find(ctx, 2)
	if err != nil {
		return err
	}
	f.address, f.pprof = ports[0].String(), ports[1].String()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{roleServe, "-dir", filepath.Join(f.dir, "controlplane"), "-listen", f.address}
	if f.profile != "" {
		args = append(args, "-pprof", f.pprof)
	}
	f.process, err = proc.Start(context.WithoutCancel(ctx), proc.Command{Path: self, Args: args, Env: os.Environ(), Log: log})
	if err != nil {
		return err
	}
	plane := sink.ControlPlane{Process: f.process, Address: f.address, Dir: f.dir}
	if f.source, err = sink.Enrol(ctx, plane); err != nil {
		return err
	}
	if f.token, err = plane.JoinToken(ctx, f.source, "loadtest"); err != nil {
		return err
	}
	return f.configure(ctx)
}

// configure gives every service a route, so that it is there before it runs.
func (f *rig) configure(ctx context.Context) error {
	client := admin.NewClient(f.address, f.source.ClientTLS(f.source.ControlPlane()))
	defer client.Close()
	for from := 0; from < f.services; from += manifests {
		var all strings.Builder
		for n := from; n < min(from+manifests, f.services); n++ {
			fmt.Fprintf(&all, `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %[1]s}
spec:
  hosts: [%[1]s]
  http:
  - name: slow
    match: [{uri: {prefix: /reports}}]
    timeout: 30s
    route: [{destination: {host: %[1]s}}]
  - timeout: 5s
    retries: {attempts: 2, perTryTimeout: 1s, retryOn: "5xx,reset"}
    route: [{destination: {host: %[1]s}}]
`, service(n))
		}
		if _, err := client.Apply(ctx, []byte(all.String()), "loadtest", false); err != nil {
			return fmt.Errorf("configure services from %d: %w", from, err)
		}
	}
	return nil
}

func service(n int) mesh.ServiceName { return mesh.ServiceName(fmt.Sprintf("service-%04d", n)) }

// grow adds sidecars until there are n, and waits until each has its set.
func (f *rig) grow(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before := len(f.fleet)
	f.fleet = append(f.fleet, make([]*sidecar, max(0, n-before))...)
	g, alive := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := before; i < len(f.fleet); i++ {
		g.Go(func() error {
			s, err := f.join(alive, i)
			f.fleet[i] = s
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("grow to %d sidecars: %w", n, err)
	}
	return nil
}

// stop ends what was started, sidecars without a goodbye: two thousand at once would
// only hold up the end.
func (f *rig) stop() error {
	for _, s := range f.fleet {
		if s != nil {
			s.client.Yield()
		}
	}
	f.end()
	f.running.Wait()
	var err error
	if f.process != nil {
		err = f.process.Stop()
	}
	return errors.Join(err, os.RemoveAll(f.dir))
}
