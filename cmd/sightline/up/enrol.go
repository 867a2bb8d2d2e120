package up

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// enrol gives this process its certificate, as every other workload gets one. It is
// the collector to sidecars; the control plane's admin API is for its namespace.
func (m *Mesh) enrol(ctx context.Context) (*identity.Source, error) {
	m.lack("the control plane: it has not let the collector in yet")
	token, err := m.systemToken(ctx)
	if err != nil {
		return nil, err
	}
	return identity.Open(ctx, identity.Config{
		ControlPlane: local(m.c.ControlPlaneListen),
		Token:        token,
		Dir:          filepath.Join(m.c.Dir, "identity"),
		Workload: identity.Workload{
			Service: mesh.CollectorAccount, Namespace: mesh.SystemNamespace,
			Account: mesh.CollectorAccount, Instance: mesh.CollectorAccount + "-1",
		},
		Logger: m.c.Logger,
	})
}

// systemToken waits for the join token that the control plane leaves for the mesh's
// own parts: on the first start it comes once there is a root.
func (m *Mesh) systemToken(ctx context.Context) (string, error) {
	path := filepath.Join(m.c.Dir, "controlplane", controlplane.TokenFile)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		b, err := os.ReadFile(path)
		switch {
		case err == nil:
			return strings.TrimSpace(string(b)), nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("read the system's join token: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}
