package pair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"

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
	plane := sink.ControlPlane{Process: m.controlPlane, Address: m.address.String(), Dir: m.dir}
	source, err := sink.Enrol(ctx, plane)
	if err != nil {
		return err
	}
	if m.token, err = plane.JoinToken(ctx, source, "peers"); err != nil {
		return err
	}
	m.sink, err = sink.Start(ctx, "127.0.0.1:0", source.ServerTLS("http/1.1"))
	return err
}
