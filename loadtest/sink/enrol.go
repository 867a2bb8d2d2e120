package sink

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane"
	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// patience is how long a control plane may take to be there on a busy machine.
const patience = time.Minute

// ControlPlane is a running control plane of a mesh whose collector this process is to be.
type ControlPlane struct {
	Process *proc.Process
	Address string // host:port
	Dir     string // of the mesh
}

// Enrol makes this process the mesh's collector, as `sightline up` does. It waits until the
// control plane has left its token, or ctx ends.
func Enrol(ctx context.Context, c ControlPlane) (*identity.Source, error) {
	token, err := c.systemToken(ctx)
	if err != nil {
		return nil, err
	}
	return identity.Open(ctx, identity.Config{
		ControlPlane: c.Address, Token: token,
		Workload: identity.Workload{
			Service: mesh.CollectorAccount, Namespace: mesh.SystemNamespace,
			Account: mesh.CollectorAccount, Instance: mesh.CollectorAccount + "-1",
		},
	})
}

// JoinToken gets a token for sidecars, made in the name of whoever asks.
func (c ControlPlane) JoinToken(ctx context.Context, source *identity.Source, by string) (string, error) {
	client := admin.NewClient(c.Address, source.ClientTLS(source.ControlPlane()))
	defer client.Close()
	return client.CreateToken(ctx, admin.TokenRequest{By: by})
}

// systemToken is what the control plane leaves for the mesh's own.
func (c ControlPlane) systemToken(ctx context.Context) (token string, err error) {
	path := filepath.Join(c.Dir, "controlplane", controlplane.TokenFile)
	err = proc.Await(ctx, patience, func(context.Context) error {
		b, err := os.ReadFile(path)
		token = strings.TrimSpace(string(b))
		return err
	}, c.Process)
	return token, err
}
