package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/proxy/emit"
)

const (
	instances = 2 // of each service
	hops      = 5 // calls of one request from outside
	// spansOfRequest is one span of the first service's, and two of each hop.
	spansOfRequest = 1 + 2*hops
	tick           = 10 * time.Millisecond
)

// traffic is the mesh's sidecars, as far as they tell of requests.
type traffic struct {
	options

	dice     *rand.Rand
	sidecars [][]*emit.Emitter // by service and instance

	mu     sync.Mutex // guards what follows
	recent []told
	sent   int // requests from outside
}

// told is a request that has been told of.
type told struct {
	id emit.TraceID
	at time.Time
}

func newTraffic(o options, otlp string) (*traffic, error) {
	t := &traffic{options: o, dice: rand.New(rand.NewPCG(1, uint64(o.rate)))}
	for s := range o.services {
		var all []*emit.Emitter
		for i := range instances {
			config := emit.Config{
				Collector: "http://" + otlp, Service: serviceName(s), Namespace: "default",
				Version: fmt.Sprintf("v%d", i+1), Instance: instanceName(s, i), Grace: o.patience,
			}
			if err := config.Validate(); err != nil {
				return nil, err
			}
			all = append(all, emit.New(config, emit.Deps{}))
		}
		t.sidecars = append(t.sidecars, all)
	}
	return t, nil
}

func serviceName(s int) string     { return fmt.Sprintf("service-%d", s) }
func instanceName(s, i int) string { return fmt.Sprintf("%s-v%d-1", serviceName(s), i+1) }

// run tells of requests until ctx ends, and then until the collector has taken all.
func (t *traffic) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, service := range t.sidecars {
		for _, e := range service {
			all.Go(func() { _ = e.Run(ctx) }) // it has no errors: it counts
		}
	}
	clock := time.NewTicker(tick)
	defer clock.Stop()
	begun := time.Now()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-clock.C:
			due := int(time.Since(begun).Seconds() * float64(t.rate) / spansOfRequest)
			for t.sent < due && ctx.Err() == nil {
				t.request()
			}
		}
	}
	all.Wait()
}

// request tells of one request from outside, and of the calls that it makes.
func (t *traffic) request() {
	trace := emit.NewTrace()
	at := t.dice.IntN(t.services)
	r := t.record(trace, at, -1, time.Now())
	t.emit(at, emit.Inbound, r)
	for range hops {
		to := (at + 1 + t.dice.IntN(t.callees)) % t.services
		out := t.record(trace.Child(), at, to, r.Start.Add(time.Millisecond))
		out.ParentID = trace.Span
		t.emit(at, emit.Outbound, out)
		in := out
		in.Trace, in.ParentID = out.Trace.Child(), out.Trace.Span
		in.Peer = emit.Peer{Service: serviceName(at), Version: "v1", Instance: instanceName(at, 0), Identity: identity(at)}
		in.Tries = nil
		t.emit(to, emit.Inbound, in)
		if t.dice.IntN(2) == 0 {
			at, trace = to, in.Trace
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
	t.recent = append(t.recent, told{trace.ID, time.Now()})
	t.recent = t.recent[max(0, len(t.recent)-keptIDs):]
}

const (
	keptIDs = 100_000
	settled = 10 * time.Second // after which a request's spans are certainly found
)

// known is the id of a request that is not of the last seconds, if there is one.
func (t *traffic) known(r *rand.Rand) (emit.TraceID, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := sort.Search(len(t.recent), func(i int) bool { return time.Since(t.recent[i].at) < settled })
	if old == 0 {
		return emit.TraceID{}, false
	}
	return t.recent[r.IntN(old)].id, true
}

func (t *traffic) emit(service int, d emit.Direction, r emit.Record) {
	r.Direction = d
	t.sidecars[service][t.dice.IntN(instances)].Emit(&r)
}

func identity(s int) string { return "spiffe://mesh.local/ns/default/sa/" + serviceName(s) }

// record is a request as the sidecar of who makes it sees it; -1 is nobody in the mesh.
func (t *traffic) record(trace emit.Trace, from, to int, start time.Time) emit.Record {
	took := time.Duration((1 + t.dice.ExpFloat64()*20) * float64(time.Millisecond))
	route, callee := fmt.Sprintf("route-%d", t.dice.IntN(3)), max(to, 0)
	if to < 0 {
		callee = from
	}
	i := t.dice.IntN(instances)
	r := emit.Record{
		Start: start, Took: took, FirstByte: took - took/4, Trace: trace,
		RequestID: fmt.Sprintf("%016x-%08x", t.dice.Uint64(), t.dice.Uint32()),
		Method:    "GET", Path: fmt.Sprintf("/%s/items/%d", route, t.dice.IntN(1000)),
		Authority: serviceName(callee), UserAgent: "loadtest/1.0", Protocol: "http/1.1",
		Status: 200, GRPCStatus: -1, GeneratedBy: "app", Route: route, ConfigVersion: 7, MTLS: true,
		Port: 8080, BytesIn: uint64(t.dice.IntN(2000)), BytesOut: uint64(t.dice.IntN(20_000)),
	}
	if to >= 0 {
		r.Peer = emit.Peer{Service: serviceName(to), Version: fmt.Sprintf("v%d", i+1), Instance: instanceName(to, i), Identity: identity(to)}
		r.Tries = []emit.Try{{Instance: r.Peer.Instance, Took: took, Status: 200}}
	}
	if t.dice.IntN(100) == 0 {
		r.Status, r.Flags, r.GeneratedBy, r.Reason = 503, "UF", "proxy", "dial "+serviceName(callee)+": connection refused"
	}
	return r
}

// books are what became of the spans by the sidecars' own books.
func (t *traffic) books() (spans, logs, dropped uint64) {
	for _, service := range t.sidecars {
		for _, e := range service {
			s := e.Stats()
			spans, logs = spans+s.Spans.Emitted, logs+s.Logs.Emitted
			for _, n := range s.Spans.Dropped {
				dropped += n
			}
		}
	}
	return spans, logs, dropped
}
