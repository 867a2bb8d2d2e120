package up

import (
	"context"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology"
)

// watch joins the store's edges to the control plane's verdicts.
func (m *Mesh) watch(r *roles) *topology.Topology {
	return topology.New(topology.Config{}, topology.Deps{
		Edges: r.store,
		Examples: func(ctx context.Context, t mesh.Target, w signal.Window, limit int) ([]string, error) {
			return r.store.FailedTraces(ctx, clickhouse.FailureQuery{
				Service: string(t.Service), Version: string(t.Version), Instance: string(t.Instance),
				Window: w, Limit: limit,
			})
		},
		Verdicts: r.plane.Verdicts,
		Report:   r.plane.Report,
		Logger:   m.c.Logger,
	})
}
