package proxy

import (
	"github.com/sightline-mesh/sightline/proxy/admin"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

// inFlightOf are the figures of how much is let in at once. Those of an adaptive limit
// are there only while one is in force.
func inFlightOf(l serve.Load) []admin.Family {
	out := []admin.Family{
		admin.Value("sightline_in_flight_refused_total", "Inbound requests refused because too many were in flight.", float64(l.Crowded)),
		admin.Value("sightline_in_flight_waited_total", "Inbound requests that waited for another to end, as their caller had less than its share.", float64(l.Waited)),
		admin.Value("sightline_adaptive_refused_total", "Inbound requests refused by the adaptive limit.", float64(l.Adapted)),
		admin.Value("sightline_callers", "Callers that are connected and told apart.", float64(l.Callers)),
		admin.Value("sightline_callers_crowded_total", "Connections whose callers were too many to be told apart.", float64(l.Strangers)),
	}
	if !l.Adaptive {
		return out
	}
	measuring := 0.0
	if l.Control.Measuring {
		measuring = 1
	}
	return append(out,
		admin.Value("sightline_adaptive_limit", "Requests that the app may work on at once.", float64(l.Control.Limit)),
		admin.Value("sightline_adaptive_in_flight", "Requests that the app works on.", float64(l.Working)),
		admin.Value("sightline_adaptive_min_rtt_seconds", "Latency of the app without queueing; 0 before it was measured.", l.Control.MinRTT.Seconds()),
		admin.Value("sightline_adaptive_gradient", "Ratio of that, and a buffer, to the latency now; between 0.5 and 2.", l.Control.Gradient),
		admin.Value("sightline_adaptive_measuring", "Whether the latency without queueing is being measured, at a low limit.", measuring),
	)
}

// hedged are second tries beside a first.
func hedged(sent, won, withheld uint64) admin.Family {
	sample := func(outcome string, n uint64) admin.Sample {
		return admin.Sample{Labels: []admin.Label{{Name: "outcome", Value: outcome}}, Value: float64(n)}
	}
	return admin.Family{
		Name:    "sightline_hedges_total",
		Help:    "Second tries beside a first that had no answer yet, by what became of them; those withheld had no budget or no other instance.",
		Samples: []admin.Sample{sample("won", won), sample("lost", sent-won), sample("withheld", withheld)},
	}
}
