// Package traffic tells a collector of the requests of a mesh that there is none of: by the
// emitters that sidecars have, so that the telemetry is what theirs would be, for requests
// that nobody made. Which ones is decided by dice that always fall alike.
package traffic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/proxy/emit"
)

const (
	instances = 2 // of each service
	hops      = 5 // calls of one request from outside

	// SpansOfRequest is one span of the service that a request from outside reaches, and
	// two of each call that comes of it. There are as many rows in the access log.
	SpansOfRequest = 1 + 2*hops
)

// Shape says how large the mesh is.
type Shape struct {
	Services, Callees int // Callees of each service
}

// Edges is how many pairs of caller and callee there are, those from outside left out.
func (s Shape) Edges() int { return s.Services * s.Callees }

// Mesh is the sidecars. Only Run may be called beside another of its methods.
type Mesh struct {
	Shape

	dice     *rand.Rand
	sidecars [][]*emit.Emitter // by service and instance
}

// New makes sidecars that send to OTLP over plain HTTP at an address. grace is how long
// they go on with what is left in the end.
func New(s Shape, otlp string, grace time.Duration) (*Mesh, error) {
	m := &Mesh{Shape: s, dice: rand.New(rand.NewPCG(1, 1))}
	for n := range s.Services {
		var all []*emit.Emitter
		for i := range instances {
			config := emit.Config{
				Collector: "http://" + otlp, Service: Service(n), Namespace: "default",
				Version: version(i), Instance: instance(n, i), Grace: grace,
			}
			if err := config.Validate(); err != nil {
				return nil, err
			}
			all = append(all, emit.New(config, emit.Deps{}))
		}
		m.sidecars = append(m.sidecars, all)
	}
	return m, nil
}

// Service is the name of the nth service.
func Service(n int) string     { return fmt.Sprintf("service-%d", n) }
func version(i int) string     { return fmt.Sprintf("v%d", i+1) }
func instance(n, i int) string { return fmt.Sprintf("%s-%s-1", Service(n), version(i)) }
func identity(n int) string    { return "spiffe://mesh.local/ns/default/sa/" + Service(n) }

// Run sends until ctx ends, and then what is left.
func (m *Mesh) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, service := range m.sidecars {
		for _, e := range service {
			all.Go(func() { _ = e.Run(ctx) }) // it has no errors: it counts
		}
	}
	all.Wait()
}

// Request tells of one request from outside that came at a time, and of the calls that
// came of it. It gives the trace's id.
func (m *Mesh) Request(came time.Time) emit.TraceID {
	trace := emit.NewTrace()
	at := m.dice.IntN(m.Services)
	first := m.record(at, came)
	first.Trace = trace
	m.emit(at, emit.Inbound, first)
	for hop := range hops {
		to := (at + 1 + m.dice.IntN(m.Callees)) % m.Services
		out := m.record(to, came.Add(time.Duration(hop+1)*time.Millisecond))
		out.Trace, out.ParentID = trace.Child(), trace.Span
		i := m.dice.IntN(instances)
		out.Peer = peer(to, i)
		out.Tries = []emit.Try{{Instance: out.Peer.Instance, Took: out.Took, Status: out.Status}}
		m.emit(at, emit.Outbound, out)
		in := out
		in.Trace, in.ParentID, in.Peer, in.Tries = out.Trace.Child(), out.Trace.Span, peer(at, 0), nil
		m.emit(to, emit.Inbound, in)
		if m.dice.IntN(2) == 0 {
			at, trace = to, in.Trace
		}
	}
	return trace.ID
}

// Routes is how many each service has.
const Routes = 3

// Route is the name of the nth route.
func Route(n int) string { return fmt.Sprintf("route-%d", n) }

// Books are what the sidecars say became of what they told of.
type Books struct {
	Spans, Logs             uint64 // made
	QueuedSpans, QueuedLogs uint64 // not taken yet
	DroppedSpans            uint64
	DroppedLogs             uint64
}

// Books adds up those of all sidecars.
func (m *Mesh) Books() Books {
	var b Books
	for _, service := range m.sidecars {
		for _, e := range service {
			s := e.Stats()
			b.Spans, b.Logs = b.Spans+s.Spans.Emitted, b.Logs+s.Logs.Emitted
			b.QueuedSpans, b.QueuedLogs = b.QueuedSpans+s.Spans.Queued, b.QueuedLogs+s.Logs.Queued
			b.DroppedSpans += sum(s.Spans.Dropped)
			b.DroppedLogs += sum(s.Logs.Dropped)
		}
	}
	return b
}

func (m *Mesh) emit(service int, d emit.Direction, r emit.Record) {
	r.Direction, r.RequestID = d, signal.TraceRequestID(r.Trace.ID.String())
	m.sidecars[service][m.dice.IntN(instances)].Emit(&r)
}

// record is a request to a service, one in a hundred of which fails.
func (m *Mesh) record(to int, start time.Time) emit.Record {
	took := time.Duration((1 + m.dice.ExpFloat64()*20) * float64(time.Millisecond))
	route := Route(m.dice.IntN(Routes))
	r := emit.Record{
		Start: start, Took: took, FirstByte: took - took/4,
		Method: "GET", Path: fmt.Sprintf("/%s/items/%d", route, m.dice.IntN(1000)),
		Authority: Service(to), UserAgent: "loadtest/1.0", Protocol: "http/1.1",
		Status: 200, GRPCStatus: -1, GeneratedBy: "app", Route: route, ConfigVersion: 7, MTLS: true,
		Port: 8080, BytesIn: uint64(m.dice.IntN(2000)), BytesOut: uint64(m.dice.IntN(20_000)),
	}
	if m.dice.IntN(100) == 0 {
		r.Status, r.Flags, r.GeneratedBy, r.Reason = 503, "UF", "proxy", "dial "+Service(to)+": connection refused"
	}
	return r
}

func peer(n, i int) emit.Peer {
	return emit.Peer{Service: Service(n), Version: version(i), Instance: instance(n, i), Identity: identity(n)}
}

func sum(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
