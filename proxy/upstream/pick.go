package upstream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sightline-mesh/sightline/proxy/balance"
	"github.com/sightline-mesh/sightline/proxy/breaker"
	"github.com/sightline-mesh/sightline/proxy/route"
)

var (
	// ErrNoInstance says that no instance is ready to be sent to.
	ErrNoInstance = errors.New("no instance is ready")
	// ErrTripped says that a verdict keeps traffic away from every instance there is.
	ErrTripped = errors.New("tripped by a verdict")
	// ErrOverflow says that a limit of the service's policy is reached. It tells
	// nothing of any instance.
	ErrOverflow = errors.New("limit of requests in flight is reached")
)

// pass is how choosy one look at the instances is.
type pass struct {
	fresh  bool // only instances that this request has not tried
	strict bool // only instances whose breaker admits
}

// Pick chooses an instance for a request of r, preferably none of those that were
// tried. When Pick returns a lease, its Done must be called exactly once. The error
// wraps ErrNoInstance, ErrTripped or ErrOverflow.
//
// Destinations get their weights' shares exactly over many requests. One that has no
// instance to offer is left out if another has. When breakers of this sidecar would
// leave nothing at all, they are passed over: at least one instance always stays.
// Verdicts are not: they decide.
func (s *Set) Pick(r *route.Route, tried []*Instance) (Lease, error) {
	p := picker{set: s, view: s.view.Load(), now: s.deps.Now(), route: r, tried: tried}
	position := s.position()
	if len(tried) > 0 {
		if l, err := p.look(pass{fresh: true, strict: true}, position); err == nil || !errors.Is(err, errNothing) {
			return l, err
		}
	}
	for _, strict := range []bool{true, false} {
		if l, err := p.look(pass{strict: strict}, position); err == nil || !errors.Is(err, errNothing) {
			return l, err
		}
	}
	return Lease{}, p.nothing()
}

// errNothing says that a look found no instance. It does not leave the package.
var errNothing = errors.New("nothing found")

type picker struct {
	set   *Set
	view  *view
	now   time.Time
	route *route.Route
	tried []*Instance
}

func (p *picker) look(how pass, position float64) (Lease, error) {
	dests := p.route.Destinations()
	if len(dests) == 1 { // most routes: nothing to weigh
		return p.only(p.group(dests[0]), how, position)
	}
	var shareBuf [8]float64
	var groupBuf [8]*group
	shares, groups, found := shareBuf[:0], groupBuf[:0], false
	for _, d := range dests {
		g := p.group(d)
		share := p.best(g, how)
		shares, groups = append(shares, share), append(groups, g)
		found = found || share > 0
	}
	if !found {
		return Lease{}, errNothing
	}
	chosen := choose(dests, shares, position)
	if chosen < 0 {
		return Lease{}, p.withheld(how)
	}
	return p.from(groups[chosen], shares[chosen], how)
}

// only is look for a route of one destination.
func (p *picker) only(g *group, how pass, position float64) (Lease, error) {
	share := p.best(g, how)
	switch {
	case share <= 0:
		return Lease{}, errNothing
	case position >= share:
		return Lease{}, p.withheld(how)
	}
	return p.from(g, share, how)
}

// withheld says what it means that a verdict keeps this request away from all that
// was looked at. A retry's first look leaves out what was tried: that may still do.
func (p *picker) withheld(how pass) error {
	if how.fresh {
		return errNothing
	}
	return p.tripped()
}

func (p *picker) group(d route.Destination) *group {
	return p.view.groups[destination{d.Service, d.Subset}]
}

// best is the largest share of its usual traffic that any instance of g may have.
func (p *picker) best(g *group, how pass) float64 {
	if g == nil {
		return 0
	}
	best := 0.0
	for _, i := range g.members {
		if share := p.standing(i, how).share; share > best {
			if best = share; best >= 1 {
				break
			}
		}
	}
	return best
}

// standing is what an instance may have of a request.
type standing struct {
	share float64 // of its usual traffic
	probe bool    // the next request to it would be its breaker's probe
	// judged is set while a verdict lets a share through to see how it fares. This
	// sidecar's own breaker has no say then: it may be in the midst of a long rest, and
	// the mesh would wait in vain for what it asked to see.
	judged bool
}

func (p *picker) standing(i *Instance, how pass) standing {
	if how.fresh && contains(p.tried, i) {
		return standing{}
	}
	if v := i.terms.Load().verdict(p.now); v != nil {
		return standing{share: admitted(v), judged: true}
	}
	if !how.strict {
		return standing{share: 1}
	}
	ready, probe := i.breaker.Ready()
	if !ready {
		return standing{}
	}
	return standing{share: 1, probe: probe}
}

// from picks an instance of g, best being the largest share of any of them.
func (p *picker) from(g *group, best float64, how pass) (Lease, error) {
	tries := len(p.tried)
	if !g.enter(tries) {
		return Lease{}, fmt.Errorf("%w: %d requests, %d retries", ErrOverflow, g.limits.Requests, g.limits.Retries)
	}
	for range 4 { // a breaker may trip, or its probe go to another, before Admit
		i, judged := p.member(g, best, how)
		if i == nil {
			break
		}
		var ticket breaker.Ticket
		if how.strict && !judged {
			t, ok := i.breaker.Admit()
			if !ok {
				continue
			}
			ticket = t
		}
		i.load.Begin()
		return Lease{Instance: i, set: p.set, group: g, ticket: ticket, tries: tries}, nil
	}
	g.leave(tries)
	return Lease{}, errNothing
}

// member balances over the instances that may have this request. An instance that
// waits for its breaker's probe goes first, as otherwise it might wait for long. One
// that a verdict judges has its share of an even split, whatever its load: that is
// worst where it is to be seen whether it got better.
func (p *picker) member(g *group, best float64, how pass) (i *Instance, judged bool) {
	var buf [16]*Instance
	able := buf[:0]
	for _, i := range g.members {
		s := p.standing(i, how)
		switch {
		case s.share <= 0, s.share < best && rand.Float64() >= s.share/best:
			continue
		case s.probe:
			return i, false
		case s.judged && s.share < best:
			if rand.IntN(len(g.members)) == 0 {
				return i, true
			}
			continue
		}
		able = append(able, i)
	}
	if len(able) == 0 {
		return nil, false
	}
	chosen := able[g.balancer.Pick(p.now, len(able), func(n int) *balance.Load { return able[n].load })]
	return chosen, p.standing(chosen, how).judged
}

// nothing says why there is no instance.
func (p *picker) nothing() error {
	for _, d := range p.route.Destinations() {
		if g := p.group(d); g != nil && len(g.members) > 0 {
			return p.tripped()
		}
	}
	return fmt.Errorf("%w: %s", ErrNoInstance, p.route.Service)
}

// tripped is ErrTripped with the reason of a verdict that is responsible.
func (p *picker) tripped() error {
	for _, d := range p.route.Destinations() {
		g := p.group(d)
		if g == nil {
			continue
		}
		for _, i := range g.members {
			if v := i.terms.Load().verdict(p.now); v != nil {
				return fmt.Errorf("%w: %s: %s", ErrTripped, v.Target, v.Reason)
			}
		}
	}
	return fmt.Errorf("%w: %s", ErrNoInstance, p.route.Service)
}
