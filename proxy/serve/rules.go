package serve

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sightline-mesh/sightline/proxy/route"
)

// errInjected is a failure that a fault rule asked for.
var errInjected = errors.New("fault injected")

// aborted is an exchange that a fault rule ended.
type aborted struct {
	status int
	grpc   *int // code; nil is what the status means
}

func (a *aborted) Error() string {
	if a.grpc != nil {
		return fmt.Sprintf("%v: abort with gRPC status %d", errInjected, *a.grpc)
	}
	return fmt.Sprintf("%v: abort with status %d", errInjected, a.status)
}

func (a *aborted) fault() fault {
	code := grpcOfStatus(a.status)
	if a.grpc != nil {
		code = *a.grpc
	}
	return fault{status: a.status, flags: "FI", reason: a.Error(), grpc: &code}
}

// inject delays and fails the share of requests that the route's fault rule says,
// before anything else is done with them.
func (o *Outbound) inject(next handler) handler {
	return func(x *exchange) error {
		f := x.route.Rules.Fault
		if f == nil {
			return next(x)
		}
		if f.Delay > 0 && o.deps.Chance() < f.DelayShare {
			x.rec.Flags = joinFlags("DI", x.rec.Flags)
			x.rec.Reason = fmt.Sprintf("%v: delay of %v", errInjected, f.Delay)
			if err := x.hold(f.Delay); err != nil {
				return err
			}
		}
		if f.AbortStatus != 0 && o.deps.Chance() < f.AbortShare {
			return &aborted{status: f.AbortStatus, grpc: f.AbortGRPC}
		}
		return next(x)
	}
}

// hold waits, unless the client goes away. The route's timeout begins afterwards, as
// Envoy's does.
func (x *exchange) hold(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-x.ctx.Done():
		return errClientGone
	}
	now := time.Now()
	if r := x.route; r.Timeout > 0 && x.deadline.Equal(x.rec.Start.Add(r.Timeout)) { // else the client's own time goes on
		x.deadline, x.resumed = now.Add(r.Timeout), now
	}
	return nil
}

// share settles what the pages of other origins may do.
func share(next handler) handler {
	return func(x *exchange) error {
		c := x.route.Rules.CORS
		if c == nil {
			return next(x)
		}
		origin, _ := x.ask.Header("origin")
		if origin == "" {
			return next(x)
		}
		permitted := c.Permits(origin)
		if wants, _ := x.ask.Header("access-control-request-method"); wants != "" && x.ask.Method == http.MethodOptions {
			switch {
			case permitted:
				return x.reply(c.Preflight(origin), "CORS preflight")
			case c.Ignore:
				return x.reply(c.Preflight(""), "CORS preflight of an origin that is not permitted")
			}
		}
		if permitted {
			x.edits = c.Edits(x.edits[:0], origin)
			x.change().always = x.edits
		}
		return next(x)
	}
}

// respond answers in an instance's stead, or settles where the request goes on to.
func respond(next handler) handler {
	return func(x *exchange) error {
		r := x.route.Rules
		if r.Respond != nil || r.Redirect != nil {
			x.change().response = r.Edits(0).Response
		}
		switch {
		case r.Respond != nil:
			return x.reply(r.Respond, "direct response of the route")
		case r.Redirect != nil:
			return x.reply(&route.Answer{
				Status: r.Redirect.Code(), GRPC: -1,
				Fields: []route.Edit{{Op: route.Add, Name: "location", Value: r.Redirect.Location(&x.ask)}},
			}, "redirect of the route")
		}
		if path := r.Path(&x.ask); path != "" {
			x.change().path = path
		}
		return next(x)
	}
}

// reply answers as a rule says.
func (x *exchange) reply(a *route.Answer, reason string) error {
	x.rec.GeneratedBy, x.rec.Reason = "proxy", reason
	return x.via.answer(x, a)
}

// apply puts the edits for a destination in place of those for an earlier one.
func (x *exchange) apply(r *route.Rules, destination int) {
	e, c := r.Edits(destination), x.change()
	if r.Apart {
		if path := e.Path(&x.ask); path != "" || c.path != "" { // an earlier try's may be there
			c.path = cmp.Or(path, x.ask.Path)
		}
	}
	c.request, c.response, c.authority = e.Request, e.Response, e.Authority
}
