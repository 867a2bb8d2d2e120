package proxy

import (
	"strconv"
	"sync/atomic"

	"github.com/sightline-mesh/sightline/proxy/admin"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

// classes are those of status codes, by their first digit; 0 is no answer at all.
const classes = 6

// counted counts requests on their way to a sink.
type counted struct {
	next     emit.Sink
	requests [2][classes]atomic.Uint64 // by emit.Direction and class
	retries  atomic.Uint64
}

// Emit implements emit.Sink.
func (c *counted) Emit(r *emit.Record) {
	class := r.Status / 100
	if class < 0 || class >= classes {
		class = 0
	}
	c.requests[r.Direction][class].Add(1)
	if n := len(r.Tries); n > 1 {
		c.retries.Add(uint64(n - 1))
	}
	c.next.Emit(r)
}

// Open implements emit.Sink. Streams that open are counted by serve.
func (c *counted) Open(r *emit.Record) { c.next.Open(r) }

func (c *counted) families() []admin.Family {
	requests := admin.Family{Name: "sightline_requests_total", Help: "Requests that ended, by direction and class of their status; 0xx had no answer."}
	for direction, name := range []string{emit.Outbound: "outbound", emit.Inbound: "inbound"} {
		for class := range classes {
			requests.Samples = append(requests.Samples, admin.Sample{
				Labels: []admin.Label{{Name: "direction", Value: name}, {Name: "status", Value: strconv.Itoa(class) + "xx"}},
				Value:  float64(c.requests[direction][class].Load()),
			})
		}
	}
	return []admin.Family{requests, admin.Value("sightline_retries_total", "Tries after the first.", float64(c.retries.Load()))}
}

// turnedAway are connections that did not get in: plaintext and those that proved no
// identity from the mesh's side, and those beyond a listener's limit from either.
func turnedAway(in *serve.Inbound, out *serve.Outbound) admin.Family {
	sample := func(reason string, n uint64) admin.Sample {
		return admin.Sample{Labels: []admin.Label{{Name: "reason", Value: reason}}, Value: float64(n)}
	}
	plaintext, unproved := in.Refused()
	return admin.Family{
		Name: "sightline_connections_refused_total", Help: "Connections refused, by reason.",
		Samples: []admin.Sample{
			sample("plaintext", plaintext), sample("identity", unproved),
			sample("limit_inbound", in.Overflow()), sample("limit_caller", in.Load().CallersConnections), sample("limit_outbound", out.Overflow()),
		},
	}
}

// unsecured are connections that were taken without mutual TLS.
func unsecured(in *serve.Inbound) admin.Family {
	return admin.Value("sightline_plaintext_connections_total", "Connections taken without mutual TLS, as a PeerAuthentication allows.", float64(in.Plaintext()))
}

// races are requests that met the end of a kept connection.
func races(outbound, inbound uint64) admin.Family {
	sample := func(direction string, n uint64) admin.Sample {
		return admin.Sample{Labels: []admin.Label{{Name: "direction", Value: direction}}, Value: float64(n)}
	}
	return admin.Family{
		Name:    "sightline_connection_reuse_races_total",
		Help:    "Requests that met the end of a kept connection, by direction; sent again where that could do no harm.",
		Samples: []admin.Sample{sample("outbound", outbound), sample("inbound", inbound)},
	}
}
