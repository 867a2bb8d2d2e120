package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func fromHedge(h *mesh.Hedge) *Hedge {
	if h == nil {
		return nil
	}
	return &Hedge{After: fromDuration(h.After), Percentile: h.Percentile, Min: fromDuration(h.Min), Max: fromDuration(h.Max), Grpc: h.GRPC}
}

func toHedge(h *Hedge) *mesh.Hedge {
	if h == nil {
		return nil
	}
	return &mesh.Hedge{
		After: toDuration(h.GetAfter()), Percentile: h.GetPercentile(), Min: toDuration(h.GetMin()), Max: toDuration(h.GetMax()), GRPC: h.GetGrpc(),
	}
}
