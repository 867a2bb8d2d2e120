package proxy

import (
	"runtime"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/proxy/admin"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/serve"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// metrics are the sidecar's own figures for its admin page. Those of requests are in
// the store: here is what tells whether the sidecar itself is well.
func (p *parts) metrics() []admin.Family {
	feed := p.feed.Status()
	connected := 0.0
	if feed.Connected {
		connected = 1
	}
	families := append(telemetry(p.emitter.Stats()), p.counted.families()...)
	families = append(families, p.streams()...)
	asked, forgotten := p.tables.counts()
	families = append(families, inFlightOf(p.inbound.Load())...)
	families = append(families, certificate(p.source.Status())...)
	return append(families,
		admin.Value("sightline_goroutines", "Goroutines of this process.", float64(runtime.NumGoroutine())),
		admin.Value("sightline_services_asked", "Names that the control plane is asked for.", float64(asked)),
		admin.Value("sightline_services_forgotten_total", "Names of no service that were forgotten to make room for others.", float64(forgotten)),
		turnedAway(p.inbound, p.outbound), unsecured(p.inbound),
		races(p.outbound.Races(), p.inbound.Races()),
		mirrored(p.outbound.Mirrored()),
		hedged(p.outbound.Hedged()),
		admin.Value("sightline_app_idle_seconds", "How long an unused connection to the app is kept; learned from the app.", p.inbound.AppIdleTime().Seconds()),
		authorized(p.inbound.Guarded()),
		tokens(p.inbound.Guarded()),
		admin.Value("sightline_rate_limited_total", "Inbound requests refused because they came too often.", float64(p.inbound.Guarded().Limited)),
		tapped(p.tap.Counts()),
		traceContext(p.outbound.Traces(), p.inbound.Traces()),
		breakers(p.set.State().Instances),
		admin.Value("sightline_breaker_trips_total", "Times a breaker of this sidecar tripped.", float64(p.trips.Load())),
		admin.Value("sightline_push_connected", "Whether the control plane's feed is connected.", connected),
		admin.Value("sightline_config_age_seconds", "How old at most the configuration in force is; 0 is what the control plane says now.", feed.Age(time.Now()).Seconds()),
		admin.Value("sightline_push_version", "Version of the configuration in force.", float64(feed.Version)),
	)
}

func telemetry(s emit.Stats) []admin.Family {
	emitted := admin.Family{Name: "sightline_telemetry_emitted_total", Help: "Made from requests, by signal."}
	acknowledged := admin.Family{Name: "sightline_telemetry_acknowledged_total", Help: "Taken by the collector, by signal."}
	queued := admin.Family{Name: "sightline_telemetry_queued", Help: "Waiting for the collector, by signal.", Gauge: true}
	dropped := admin.Family{Name: "sightline_telemetry_dropped_total", Help: "Dropped, by signal and reason."}
	for name, one := range map[string]emit.SignalStats{"traces": s.Spans, "logs": s.Logs, "metrics": s.Points} {
		signal := admin.Label{Name: "signal", Value: name}
		emitted.Samples = append(emitted.Samples, admin.Sample{Labels: []admin.Label{signal}, Value: float64(one.Emitted)})
		acknowledged.Samples = append(acknowledged.Samples, admin.Sample{Labels: []admin.Label{signal}, Value: float64(one.Acknowledged)})
		queued.Samples = append(queued.Samples, admin.Sample{Labels: []admin.Label{signal}, Value: float64(one.Queued)})
		for reason, n := range one.Dropped {
			labels := []admin.Label{signal, {Name: "reason", Value: reason}}
			dropped.Samples = append(dropped.Samples, admin.Sample{Labels: labels, Value: float64(n)})
		}
	}
	return []admin.Family{
		emitted, acknowledged, queued, dropped,
		admin.Value("sightline_telemetry_label_sets", "Label sets of requests that are counted apart.", float64(s.LabelSets)),
		admin.Value("sightline_telemetry_label_overflow_total", "Requests whose label sets had no room, and are counted together as __other__.", float64(s.LabelOverflow)),
	}
}

func tokens(g serve.Guarded) admin.Family {
	f := admin.Family{Name: "sightline_tokens_total", Help: "Tokens that inbound requests carried, by what was found of them."}
	for result, n := range map[string]uint64{"verified": g.Tokens, "refused": g.BadTokens} {
		f.Samples = append(f.Samples, admin.Sample{Labels: []admin.Label{{Name: "result", Value: result}}, Value: float64(n)})
	}
	return f
}

func authorized(g serve.Guarded) admin.Family {
	f := admin.Family{Name: "sightline_authorization_decisions_total", Help: "Inbound requests that policies decided on. One that a dry-run policy would have denied is counted for that too."}
	for decision, n := range map[string]uint64{"allowed": g.Allowed, "denied": g.Denied, "dry_run_denied": g.Rehearsed} {
		f.Samples = append(f.Samples, admin.Sample{Labels: []admin.Label{{Name: "decision", Value: decision}}, Value: float64(n)})
	}
	return f
}

func mirrored(sent, dropped uint64) admin.Family {
	return admin.Family{Name: "sightline_mirrored_total", Help: "Copies of requests, by what became of them.", Samples: []admin.Sample{
		{Labels: []admin.Label{{Name: "outcome", Value: "sent"}}, Value: float64(sent)},
		{Labels: []admin.Label{{Name: "outcome", Value: "dropped"}}, Value: float64(dropped)},
	}}
}

func traceContext(outbound, inbound *serve.TraceCounts) admin.Family {
	f := admin.Family{
		Name: "sightline_trace_context_dropped_total",
		Help: "Members of baggage and tracestate that were left out because there were too many, or too long ones.",
	}
	for direction, counts := range map[string]*serve.TraceCounts{"outbound": outbound, "inbound": inbound} {
		baggage, tracestate := counts.Dropped()
		for field, n := range map[string]uint64{"baggage": baggage, "tracestate": tracestate} {
			f.Samples = append(f.Samples, admin.Sample{
				Labels: []admin.Label{{Name: "direction", Value: direction}, {Name: "field", Value: field}}, Value: float64(n),
			})
		}
	}
	return f
}

func tapped(told, dropped uint64) admin.Family {
	return admin.Family{Name: "sightline_tapped_total", Help: "Requests that somebody looked at live, by what became of them.", Samples: []admin.Sample{
		{Labels: []admin.Label{{Name: "outcome", Value: "told"}}, Value: float64(told)},
		{Labels: []admin.Label{{Name: "outcome", Value: "dropped"}}, Value: float64(dropped)},
	}}
}

func breakers(states []upstream.InstanceState) admin.Family {
	f := admin.Family{Name: "sightline_instance_breaker", Help: "1 for the state each instance's breaker is in.", Gauge: true}
	for i, s := range states {
		if i > 0 && sameCopy(s, states[i-1]) {
			worst(&f.Samples[len(f.Samples)-1], s.Breaker)
			continue
		}
		f.Samples = append(f.Samples, admin.Sample{Value: 1, Labels: []admin.Label{
			{Name: "service", Value: string(s.Service)},
			{Name: "version", Value: string(s.Version)},
			{Name: "instance", Value: string(s.Instance)},
			{Name: "state", Value: s.Breaker},
		}})
	}
	return f
}

// sameCopy reports whether two states are of one instance at two of its ports.
func sameCopy(a, b upstream.InstanceState) bool {
	return a.Service == b.Service && a.Version == b.Version && a.Instance == b.Instance
}

// worst has a sample tell of an instance's breaker at the port where it is in the worst
// state: the metric has no label for ports.
func worst(s *admin.Sample, breaker string) {
	state := &s.Labels[len(s.Labels)-1].Value
	order := []string{"admitting", "probing", "tripped"}
	if slices.Index(order, breaker) > slices.Index(order, *state) {
		*state = breaker
	}
}
