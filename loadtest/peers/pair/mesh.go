package pair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane"
	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/loadtest/freeport"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
	"github.com/sightline-mesh/sightline/loadtest/sink"
)

// Mesh is what Sightline's pairs need around them: a real control plane, and a sink in
// the collector's place.
type Mesh struct {
	bin          string
	dir          string
	log          io.Writer
	controlPlane *proc.Process
	address      netip.AddrPort
	sink         *sink.Sink
	token        string // to join with
	pairs        int    // started
}

// MeshConfig says where things are.
type MeshConfig struct {
	Bin string // directory of sightline and sightline-proxy
	Dir string // of this mesh alone, gone or empty
	Log io.Writer
}

// StartMesh starts a control plane and enrols the sink with it.
func StartMesh(ctx context.Context, c MeshConfig) (*Mesh, error) {
	ports, err := freeport.Find(ctx, 1)
	if err != nil {
		return nil, fmt.Errorf("start mesh: %w", err)
	}
	m := &Mesh{bin: c.Bin, dir: c.Dir, log: c.Log, address: ports[0]}
	m.controlPlane, err = proc.Start(ctx, proc.Command{
		Path: filepath.Join(c.Bin, "sightline"),
		Args: []string{"controlplane", "--dir", c.Dir, "--listen", m.address.String()},
		Env:  environment(), Log: c.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("start mesh: %w", err)
	}
	if err := m.enrol(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start mesh: %w", err), m.Stop())
	}
	return m, nil
}

// Stop ends sink and control plane.
func (m *Mesh) Stop() error {
	var err error
	if m.sink != nil {
		err = m.sink.Stop()
	}
	return errors.Join(err, m.controlPlane.Stop())
}

// enrol makes this process the mesh's collector, as `sightline up` does, and gets a
// token for the sidecars.
func (m *Mesh) enrol(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	system, err := m.systemToken(ctx)
	if err != nil {
		return err
	}
	source, err := identity.Open(ctx, identity.Config{
		ControlPlane: m.address.String(), Token: system,
		Workload: identity.Workload{
			Service: mesh.CollectorAccount, Namespace: mesh.SystemNamespace,
			Account: mesh.CollectorAccount, Instance: mesh.CollectorAccount + "-1",
		},
	})
	if err != nil {
		return err
	}
	client := admin.NewClient(m.address.String(), source.ClientTLS(source.ControlPlane()))
	defer client.Close()
	if m.token, err = client.CreateToken(ctx, admin.TokenRequest{By: "peers"}); err != nil {
		return err
	}
	m.sink, err = sink.Start(ctx, "127.0.0.1:0", source.ServerTLS("http/1.1"))
	return err
}

// systemToken waits for the token that the control plane leaves for the mesh's own.
func (m *Mesh) systemToken(ctx context.Context) (token string, err error) {
	path := filepath.Join(m.dir, "controlplane", controlplane.TokenFile)
	err = proc.Await(ctx, patience, func(context.Context) error {
		b, err := os.ReadFile(path)
		token = strings.TrimSpace(string(b))
		return err
	}, m.controlPlane)
	return token, err
}
