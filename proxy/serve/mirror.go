package serve

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

const (
	// maxCopies bounds the copies under way; with what is held of a body and a head each
	// they take 8 MiB at most.
	maxCopies = 64
	// copyTime bounds a copy where its route has no timeout, from its beginning to the
	// end of the answer.
	copyTime = 15 * time.Second
)

// address is what a copy has of its own.
// What is empty is as it is in the request.
type address struct {
	authority, traceparent string
	b3                     *emit.B3Fields // says nothing where the request did not
}

// letter is a copy of a request that is ready to be sent.
type letter interface {
	// post sends it over the link and reads the answer to its end, within ctx.
	post(ctx context.Context, to *link) (answer, error)
	// begin sends it over the link and reads the head of the answer, within ctx. A reply
	// is to be dropped or adopted.
	begin(ctx context.Context, to *link) (beginning, answer, error)
}

// copies are the copies of requests that are under way. They are sent once, and what
// comes of them is told to nobody but the Sink.
type copies struct {
	ctx     context.Context // ends all copies
	cancel  context.CancelFunc
	running sync.WaitGroup

	underway      atomic.Int64
	sent, dropped atomic.Uint64
}

// init is called once, before anything else.
func (c *copies) init() { c.ctx, c.cancel = context.WithCancel(context.Background()) }

// close ends all copies and waits for them.
func (c *copies) close() {
	c.cancel()
	c.running.Wait()
}

// Mirrored tells how many copies of requests were sent, and how many were not: too
// many were under way, or the body was too long to be held or had not come in time.
func (o *Outbound) Mirrored() (sent, dropped uint64) {
	return o.copies.sent.Load(), o.copies.dropped.Load()
}

// mirror sends copies of requests to where the route's mirrors say, when the request
// itself has been sent and the head of its answer is there, or is known not to come.
func (o *Outbound) mirror(next handler) handler {
	return func(x *exchange) error {
		err := next(x)
		for i := range x.route.Rules.Mirrors {
			if m := &x.route.Rules.Mirrors[i]; o.deps.Chance() < m.Share {
				o.send(x.ctx, x, m.Route)
			}
		}
		return err
	}
}

// send starts a copy, or counts it as dropped.
func (o *Outbound) send(ctx context.Context, x *exchange, r *route.Route) {
	c := &o.copies
	if c.underway.Add(1) > maxCopies {
		c.underway.Add(-1)
		c.dropped.Add(1)
		return
	}
	rec := copyRecord(x, r)
	var b3 emit.B3Fields
	if form := x.b3.Form(); form != 0 {
		b3.Set(form, rec.Trace, rec.ParentID)
	}
	l := x.via.copy(x, address{authority: rec.Authority, traceparent: rec.Trace.Traceparent(), b3: &b3})
	if l == nil {
		c.underway.Add(-1)
		c.dropped.Add(1)
		return
	}
	within := copyTime
	if x.route.Timeout > 0 {
		within = x.route.Timeout
	}
	c.sent.Add(1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within) // it outlives the request
	c.running.Go(func() {
		defer c.underway.Add(-1)
		defer cancel()
		defer context.AfterFunc(c.ctx, cancel)() //nolint:contextcheck // Close ends it, not the request
		o.post(ctx, l, r, rec)
	})
}

// post sends a copy and tells of it.
func (o *Outbound) post(ctx context.Context, l letter, r *route.Route, rec *emit.Record) {
	lease, err := o.deps.Pick(r, nil, nil)
	a := answer{grpc: -1}
	if err == nil {
		i := lease.Instance
		rec.Peer, rec.MTLS = peerOf(i)
		started := time.Now()
		a, err = l.post(ctx, o.links.to(i, func() *link { return o.open(i) }))
		lease.Done(upstream.Outcome{Took: time.Since(started), Status: a.status, GRPCStatus: a.grpc, Kind: kindOfCopy(a, err)})
	}
	rec.Status, rec.GRPCStatus = a.status, a.grpc
	if err != nil {
		f := faultOf(err)
		rec.Status, rec.Flags, rec.GeneratedBy = f.status, f.flags, "proxy"
		rec.Reason += ": " + f.reason
	}
	rec.Took = time.Since(rec.Start)
	if r := o.deps.Logs(); r != nil {
		rec.Unlogged = !r.Writes(logged(rec, nil))
	}
	if s := o.deps.Spans(); s != nil {
		s.Apply(rec, nil, nil)
	}
	o.deps.Sink.Emit(rec)
}

func kindOfCopy(a answer, err error) upstream.Kind {
	switch {
	case err != nil:
		return kindOf(err)
	case a.overloaded:
		return upstream.Overloaded
	case a.status >= 500:
		return upstream.Failure
	}
	return upstream.Success
}

// copyRecord is the record of a copy, with a span of its own below the request's. It
// keeps nothing of the request's buffers.
func copyRecord(x *exchange, r *route.Route) *emit.Record {
	authority := x.ask.Authority
	if x.out != nil && x.out.authority != "" {
		authority = x.out.authority
	}
	return &emit.Record{
		Direction: emit.Outbound, Start: time.Now(),
		Trace: x.rec.Trace.Child(), ParentID: x.rec.Trace.Span,
		RequestID: strings.Clone(x.rec.RequestID), Method: strings.Clone(x.rec.Method), Path: strings.Clone(x.rec.Path),
		Authority: shadow(authority), UserAgent: strings.Clone(x.rec.UserAgent),
		Protocol: x.rec.Protocol, GRPCStatus: -1, GeneratedBy: "app", Reason: "mirror of " + string(x.route.Service),
		Route: r.Name, ConfigVersion: r.ConfigVersion, Peer: emit.Peer{Service: string(r.Service)},
	}
}

// shadow marks an authority as that of a copy, before its port.
func shadow(authority string) string {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.IndexByte(authority[i:], ']') >= 0 {
		return authority + "-shadow"
	}
	return authority[:i] + "-shadow" + authority[i:]
}
