package serve

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/ratelimit"
)

// Rate bounds how often requests come that fit Match.
type Rate struct {
	Name      string
	Match     *authorize.Matcher
	PerCaller bool
	PerHeader string // lower-case
	Limiter   *ratelimit.Limiter
}

// throttle turns away what comes too often. Streams are no requests.
func (in *Inbound) throttle(next handler) handler {
	return func(x *exchange) error {
		if x.guard == nil || len(x.guard.Rates) == 0 || x.stream {
			return next(x)
		}
		q := x.question()
		for i := range x.guard.Rates {
			r := &x.guard.Rates[i]
			if !r.Match.Fits(&q) {
				continue
			}
			if ok, wait := r.take(x); !ok {
				in.guards.limited.Add(1)
				return tooMany(r.Name, wait)
			}
		}
		return next(x)
	}
}

func (r *Rate) take(x *exchange) (ok bool, wait time.Duration) {
	switch {
	case r.PerCaller:
		return r.Limiter.TakeFor(x.caller.Principal())
	case r.PerHeader != "":
		value, _ := x.ask.Header(r.PerHeader)
		return r.Limiter.TakeFor(value)
	}
	return r.Limiter.Take()
}

// tooMany is a request that came too often.
func tooMany(name string, wait time.Duration) error {
	return &rejection{
		status: http.StatusTooManyRequests, flags: tooOften, reason: "rate limit " + name, grpc: 8, // RESOURCE_EXHAUSTED
		fields: []string{"retry-after", strconv.Itoa(int(math.Ceil(wait.Seconds())))},
	}
}
