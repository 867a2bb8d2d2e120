package proxy

import "github.com/sightline-mesh/sightline/proxy/admin"

// streams are the figures of streams of bytes.
func (p *parts) streams() []admin.Family {
	out, in := p.outbound.Streams(), p.inbound.Streams()
	open := byDirection("sightline_streams_open", "Streams of bytes that are open, by direction.", float64(out.Open()), float64(in.Open()))
	open.Gauge = true
	return []admin.Family{
		byDirection("sightline_streams_total", "Streams of bytes that were opened, by direction.", float64(out.Opened()), float64(in.Opened())),
		open,
		admin.Value("sightline_detection_timeouts_total", "Connections taken for streams because their clients said nothing.", float64(p.outbound.Silent())),
	}
}

func byDirection(name, help string, outbound, inbound float64) admin.Family {
	sample := func(direction string, v float64) admin.Sample {
		return admin.Sample{Labels: []admin.Label{{Name: "direction", Value: direction}}, Value: v}
	}
	return admin.Family{Name: name, Help: help, Samples: []admin.Sample{sample("outbound", outbound), sample("inbound", inbound)}}
}
