package compile

import (
	"cmp"
	"slices"

	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// logging is one entry of a Telemetry's accessLogging.
type logging struct {
	outbound, inbound bool
	says              *mesh.AccessLog // nil writes everything
}

func loggingOf(o config.Object) []logging {
	var out []logging
	for _, a := range o.Telemetry.GetAccessLogging() {
		mode := a.GetMatch().GetMode()
		l := logging{outbound: mode != telemetry.WorkloadMode_SERVER, inbound: mode != telemetry.WorkloadMode_CLIENT}
		says := mesh.AccessLog{Off: a.GetDisabled().GetValue(), DropErrors: o.DropsErrors()}
		if f := a.GetFilter().GetExpression(); f != "" && !says.Off {
			says.Only, _ = config.LogFilter(f) // as Validate has seen
		}
		if says.Off || says.Only != nil {
			l.says = &says
		}
		out = append(out, l)
	}
	return out
}

// logsFor is what holds for an instance, nil if every row is written: of each direction
// the last entry of the nearest resource, of two as near of the one whose name comes
// first.
func (ps Policies) logsFor(i mesh.Instance) *mesh.AccessLogs {
	var near []*selected
	for n := range ps.all {
		if p := &ps.all[n]; len(p.logging) > 0 && p.selects(i) {
			near = append(near, p)
		}
	}
	slices.SortStableFunc(near, func(a, b *selected) int { return cmp.Compare(b.reach(), a.reach()) })
	var out mesh.AccessLogs
	for _, p := range slices.Backward(near) {
		for _, l := range p.logging {
			if l.outbound {
				out.Outbound = l.says
			}
			if l.inbound {
				out.Inbound = l.says
			}
		}
	}
	if out == (mesh.AccessLogs{}) {
		return nil
	}
	return &out
}
