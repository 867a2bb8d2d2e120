package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/loadtest/freeport"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
	"github.com/sightline-mesh/sightline/loadtest/sink"
)

const (
	// patience is how long a part may take to be there on a busy machine.
	patience = time.Minute
	// drainTime bounds what a sidecar waits for at its end: more than a request takes on
	// the busiest machine.
	drainTime = 20 * time.Second
)

// mesh is a control plane, something that takes telemetry, and the workloads.
type mesh struct {
	bin, dir     string
	certTTL      time.Duration
	log          io.Writer
	address      string
	controlPlane *proc.Process
	collector    *sink.Sink // nil while it is away
	telemetry    string     // where it listens
	source       *identity.Source
	renewing     context.CancelFunc
	renewed      chan error
	token        string

	caller      *workload // whose app is the load generator
	front, shop []*workload
}

// freeAddress is one that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	found, err := freeport.Find(ctx, 1)
	if err != nil {
		return "", err
	}
	return found[0].String(), nil
}

// startMesh starts everything and waits until requests are carried.
func startMesh(ctx context.Context, o options, log io.Writer) (*mesh, error) {
	m := &mesh{bin: o.bin, dir: o.dir, certTTL: o.certTTL, log: log}
	err := m.start(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start mesh: %w", err), m.stop())
	}
	return m, nil
}

func (m *mesh) start(ctx context.Context) (err error) {
	if m.address, err = freeAddress(ctx); err != nil {
		return err
	}
	if err := m.startControlPlane(ctx); err != nil {
		return err
	}
	if err := m.enrol(ctx); err != nil {
		return err
	}
	for _, service := range []string{"shop", "shop", "front", "front", "caller"} {
		if err := m.join(ctx, service); err != nil {
			return err
		}
	}
	return m.carries(ctx)
}

func (m *mesh) startControlPlane(ctx context.Context) (err error) {
	m.controlPlane, err = proc.Start(ctx, proc.Command{
		Path: filepath.Join(m.bin, "sightline"),
		Args: []string{"controlplane", "--dir", m.dir, "--listen", m.address, "--cert-ttl", m.certTTL.String()},
		Env:  os.Environ(), Log: m.log,
	})
	return err
}

// enrol makes this process the mesh's collector, and gets a token for the sidecars.
func (m *mesh) enrol(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	plane := sink.ControlPlane{Process: m.controlPlane, Address: m.address, Dir: m.dir}
	var err error
	if m.source, err = sink.Enrol(ctx, plane); err != nil {
		return err
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	m.renewing, m.renewed = stop, make(chan error, 1)
	go func() { m.renewed <- m.source.Run(renewing) }()
	if m.token, err = plane.JoinToken(ctx, m.source, "lossless"); err != nil {
		return err
	}
	if m.telemetry, err = freeAddress(ctx); err != nil {
		return err
	}
	return m.startCollector(ctx)
}

func (m *mesh) startCollector(ctx context.Context) (err error) {
	m.collector, err = sink.Start(ctx, m.telemetry, m.source.ServerTLS("http/1.1"))
	return err
}

func (m *mesh) stopCollector() error {
	if m.collector == nil {
		return nil
	}
	s := m.collector
	m.collector = nil
	return s.Stop()
}

// join adds a workload and waits until it is up.
func (m *mesh) join(ctx context.Context, service string) error {
	w, err := m.newWorkload(ctx, service)
	if err != nil {
		return err
	}
	switch service {
	case "caller":
		m.caller = w
	case "front":
		m.front = append(m.front, w)
	default:
		m.shop = append(m.shop, w)
	}
	if err := w.start(ctx); err != nil {
		return err
	}
	return w.up(ctx)
}

// carries waits until every app has had requests by way of the mesh.
func (m *mesh) carries(ctx context.Context) error {
	t, err := startTraffic(ctx, m.caller.outbound, 50)
	if err != nil {
		return err
	}
	defer t.end(scenario{})
	for _, w := range m.apps() {
		if err := w.serves(ctx); err != nil {
			return err
		}
	}
	return nil
}

// apps are the workloads that take requests.
func (m *mesh) apps() []*workload { return append(append([]*workload(nil), m.front...), m.shop...) }

// all are the workloads.
func (m *mesh) all() []*workload { return append(m.apps(), m.caller) }

func (m *mesh) stop() error {
	var bad []error
	for _, w := range m.all() {
		if w != nil && w.process != nil {
			bad = append(bad, w.process.Stop())
		}
	}
	bad = append(bad, m.stopCollector())
	if m.renewing != nil {
		m.renewing()
		bad = append(bad, <-m.renewed)
	}
	if m.controlPlane != nil {
		bad = append(bad, m.controlPlane.Stop())
	}
	return errors.Join(bad...)
}
