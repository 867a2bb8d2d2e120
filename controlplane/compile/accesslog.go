package compile

import (
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// logging is one entry of a Telemetry's accessLogging.
type logging struct {
	directions

	says *mesh.AccessLog // nil writes everything
}

func loggingOf(o config.Object) []logging {
	var out []logging
	for _, a := range o.Telemetry.GetAccessLogging() {
		l := logging{directions: directionsOf(a.GetMatch().GetMode())}
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
	near := ps.near(i, func(p *selected) bool { return len(p.logging) > 0 })
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
