package serve

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/proxy/accesslog"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/sampling"
	"github.com/sightline-mesh/sightline/proxy/tap"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// handler takes an exchange to its end, or to an error that a layer above answers.
type handler func(x *exchange) error

// keeps say what is told of a request that has ended: its span, where its trace is not
// sampled, its row in the access log, and what its span tells beside the rest. Each
// returns nil for what is told as a rule.
type keeps struct {
	spans func() *sampling.Sampler
	rows  func() *accesslog.Rule
	tell  func() *emit.SpanRule
}

// orNothing is f, or what returns nil where there is none.
func orNothing[T any](f func() *T) func() *T {
	if f == nil {
		return func() *T { return nil }
	}
	return f
}

// logged is a request as rules of the access log look at it.
func logged(r *emit.Record, header func(string) (string, bool)) *accesslog.Request {
	q := &accesslog.Request{
		Method: r.Method, Path: r.Path, Host: r.Authority, UserAgent: r.UserAgent, ID: r.RequestID,
		Size: r.BytesIn, ResponseSize: r.BytesOut, Code: r.Status, GRPCStatus: r.GRPCStatus, Took: r.Took, MTLS: r.MTLS,
		Failed: signal.FailedHop(r.Protocol, r.Status, r.GRPCStatus, r.Flags),
	}
	switch r.Protocol {
	case signal.TCP:
	case "http/1.1":
		q.Protocol, q.Header = "HTTP/1.1", header
	default:
		q.Protocol, q.Header = "HTTP/2", header
	}
	return q
}

// observe tells of every request once it has ended, our own refusals included.
func observe(sink emit.Sink, live *tap.Tap, keep keeps, next handler) handler {
	return func(x *exchange) error {
		if x.stream {
			x.opening = sink
		}
		err := next(x)
		x.tellOpen() // a stream that nobody took, too: what is closed was open
		x.rec.Took = time.Since(x.rec.Start)
		if !x.rec.Trace.Sampled {
			x.keepSpan(keep.spans())
		}
		if r := keep.rows(); r != nil {
			x.rec.Unlogged = !r.Writes(logged(&x.rec, x.ask.Header))
		}
		if s := keep.tell(); s != nil {
			x.tags = s.Apply(&x.rec, x.tags, x.headerOf())
		}
		sink.Emit(&x.rec)
		if live.Active() {
			live.See(&x.rec, x.via.fields, x.heard)
		}
		return err
	}
}

// headerOf finds the request's header fields; it is nil for a stream, which has none.
func (x *exchange) headerOf() func(name string) (string, bool) {
	if x.stream {
		return nil
	}
	return x.ask.Header
}

// rescue turns errors into responses, here and nowhere else. It passes on only
// errors that make the client's connection unusable.
func rescue(next handler) handler {
	return func(x *exchange) error {
		err := x.malformed
		if err == nil {
			err = next(x)
		}
		x.settle(kindOf(err), time.Since(x.sent))
		if err == nil {
			return nil
		}
		if errors.Is(err, errClientGone) && errors.Is(context.Cause(x.ctx), errStalled) {
			err = errStalled
		}
		f := faultOf(err)
		if errors.Is(err, errStalled) && x.received {
			f.status = http.StatusGatewayTimeout
		}
		x.rec.Flags = joinFlags(f.flags, x.rec.Flags)
		x.rec.Reason, x.rec.GeneratedBy = f.reason, "proxy"
		x.via.refuse(x, f)
		return err
	}
}

func joinFlags(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "," + b
}

// relay passes the answer on, when the layers below have settled on one.
func relay(live *tap.Tap, next handler) handler {
	return func(x *exchange) error {
		if err := next(x); err != nil {
			return err
		}
		if live.Active() && live.WantsHeaders() {
			x.heard = live.Keep(x.via.answerFields)
		}
		x.rec.Status = x.answer.status
		x.rec.FirstByte = time.Since(x.rec.Start)
		firstByte := time.Since(x.sent)
		err := x.via.relay(x)
		x.settle(kindOfTry(x, err), firstByte)
		return err
	}
}

// kindOfAnswer is what a whole answer means for the instance that gave it. One that
// its sidecar gave because of a limit there is no failure: breakers that trip on those
// would send the load to the instances that are left, and make an outage of it.
func kindOfAnswer(x *exchange) upstream.Kind {
	if x.answer.overloaded {
		return upstream.Overloaded
	}
	grpc := x.rec.GRPCStatus
	if x.answer.late || x.answer.status >= 500 || grpc == 13 || grpc == 14 || grpc == 2 || grpc == 15 {
		return upstream.Failure
	}
	return upstream.Success
}

// noteTry adds the try that has just ended, or brought an answer, to the record.
func noteTry(x *exchange, err error) {
	t := emit.Try{
		Instance: string(x.lease.Instance.Info.ID),
		Start:    x.sent.Sub(x.rec.Start), Took: time.Since(x.sent), Status: x.answer.status,
	}
	if err != nil {
		t.Reason, t.Lost = err.Error(), errors.Is(err, errOvertaken)
	}
	x.rec.Tries = append(x.rec.Tries, t)
}

// budget bounds retries over all requests.
type budget interface {
	Deposit()
	Withdraw() bool
}

// again sends requests again as their route's policy and the budget allow. Each
// try below it picks afresh.
func again(b budget, next handler) handler {
	return func(x *exchange) error {
		b.Deposit()
		policy, unread, last := &x.route.Retry, 0, lastTry{}
		for n := 1; ; n++ {
			if policy.PerTry > 0 {
				x.tryEnd = time.Now().Add(policy.PerTry)
			}
			err := next(x)
			if last.keptFrom(err) {
				return last.stands(x)
			}
			last = lastTry{true, x.answer, err}
			o := outcomeOf(x, err)
			if unread < maxUnread && isUnread(err) && x.via.repeatable() {
				unread++
				n--
				x.fresh = unread == maxUnread
				x.forgetTry(err)
				continue
			}
			if !retries(policy, o, x.answer.unseen) || !x.via.repeatable() {
				return err
			}
			if n > policy.Attempts {
				x.rec.Flags = joinFlags("URX", x.rec.Flags)
				return err
			}
			if !b.Withdraw() {
				return last.stands(x)
			}
			if !pause(x, n, o.End) {
				return err
			}
			x.forgetTry(err)
		}
	}
}

// lastTry is what a try came to. The codec holds the answer until the next is sent.
type lastTry struct {
	made   bool
	answer answer
	err    error
}

// keptFrom reports whether err is that a limit keeps from another try.
func (l *lastTry) keptFrom(err error) bool { return l.made && errors.Is(err, upstream.ErrOverflow) }

// stands has the exchange end as the try did, as there may be no more retries just now.
// Envoy's flag for it is that of all overflows.
func (l *lastTry) stands(x *exchange) error {
	x.answer = l.answer
	x.rec.Flags = joinFlags("UO", x.rec.Flags)
	return l.err
}

// maxUnread is how often a request may meet the end of a kept connection without that
// counting as a try. An instance that ends many at once, as for a restart, is met more
// often than a policy allows for. After so many it gets a connection of its own.
const maxUnread = 4

// isUnread reports whether a try met the end, in order, of a connection that was kept:
// nobody has read the request, and nothing is wrong with anyone.
func isUnread(err error) bool {
	b, ok := errors.AsType[*broken](err)
	return ok && b.kept && b.end == retry.Unsent
}

// forgetTry gets the exchange ready for another try.
func (x *exchange) forgetTry(err error) {
	x.settle(kindOfTry(x, err), time.Since(x.sent))
	x.answer = answer{grpc: -1}
}

// retries reports whether the policy has a request tried again after o. An answer to a
// request that the app has not seen counts as what it is, too: a failed connect.
func retries(p *retry.Policy, o retry.Outcome, unseen bool) bool {
	return p.Retries(o) || unseen && p.Retries(retry.Outcome{End: retry.ConnectFailed, GRPCStatus: -1})
}

func kindOfTry(x *exchange, err error) upstream.Kind {
	if err != nil {
		return kindOf(err)
	}
	return kindOfAnswer(x)
}

// pause waits before the n-th retry, unless that would outlast the exchange. A
// request that met the end of an idle connection loses no time over it.
func pause(x *exchange, n int, end retry.End) bool {
	d := x.route.Retry.Pause(n)
	if end == retry.Unsent && n == 1 {
		d = 0
	}
	if !x.deadline.IsZero() && time.Until(x.deadline) <= d {
		return false
	}
	if d == 0 {
		return x.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.ctx.Done():
		return false
	}
}
