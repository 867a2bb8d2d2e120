package upstream

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// The errors of Pick.
var (
	// ErrNoInstance says that no destination of the route has an instance that takes
	// requests.
	ErrNoInstance = errors.New("no instance")
	// ErrTripped says that verdicts, outlier detection or health checks keep traffic
	// away from every instance there is.
	ErrTripped = errors.New("every instance is kept from requests")
	// ErrOverflow says that a limit of the service's policy is reached. It tells
	// nothing of any instance.
	ErrOverflow = errors.New("a limit of the service's policy is reached")
)

// FailedError is the end of a request that belongs to the share of a destination that
// does not exist.
type FailedError struct {
	Status  int // to answer with
	Service mesh.ServiceName
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("the route names a destination that does not exist: %s", e.Service)
}

// pass is how choosy one look at the instances is.
type pass struct {
	fresh  bool // only instances that this request has not tried
	strict bool // only instances that are as they should be
}

// Pick chooses an instance for a request of r, preferably none of those that were
// tried. Ask is what a consistent hash is made of; it may be nil. When Pick returns a
// lease, its Done must be called exactly once. The error wraps ErrNoInstance, ErrTripped
// or ErrOverflow.
//
// Destinations get their weights' shares exactly over many requests. One that has no
// instance to offer is left out if another has. When breakers of this sidecar, or health
// checks, would leave nothing at all, they are passed over: at least one instance always
// stays. Verdicts are not: they decide. Nor is outlier detection where a policy asks for
// it, but below the share of instances that it names.
func (s *Set) Pick(r *route.Route, ask *route.Request, tried []*Instance) (Lease, error) {
	p := picker{set: s, view: s.view.Load(), now: s.deps.Now(), route: r, ask: ask, tried: tried}
	if dests := r.Destinations(); len(dests) == 1 && len(tried) == 0 { // most requests: nothing to weigh
		if l, err := p.only(p.group(dests[0])); !errors.Is(err, errNothing) {
			return l, err
		}
	}
	return p.weigh()
}

// only picks from a group that may have all of its traffic.
func (p *picker) only(g *group) (Lease, error) {
	if g == nil {
		return Lease{}, errNothing
	}
	c := g.offer(p.now)
	if c.share < 1 {
		return Lease{}, errNothing
	}
	return p.from(g, c, pass{})
}

// weigh is Pick where there is something to weigh.
func (p *picker) weigh() (Lease, error) {
	position := p.set.position()
	passes := [...]pass{{fresh: true, strict: true}, {strict: true}, {}}
	for n, how := range passes {
		if n == 0 && (len(p.tried) == 0 || p.route.SameInstance) {
			continue
		}
		if l, err := p.look(how, position); !errors.Is(err, errNothing) {
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
	ask   *route.Request
	tried []*Instance
}

func (p *picker) look(how pass, position float64) (Lease, error) {
	dests := p.route.Destinations()
	var shareBuf [8]float64
	var groupBuf [8]*group
	shares, groups, found := shareBuf[:0], groupBuf[:0], false
	for _, d := range dests {
		g := p.group(d)
		share := p.share(g, how)
		if d.Fail != 0 && len(p.tried) == 0 {
			share = failing
		}
		shares, groups = append(shares, share), append(groups, g)
		found = found || share > 0 && d.Fail == 0
	}
	if !found {
		return Lease{}, errNothing
	}
	chosen := choose(dests, shares, position)
	if chosen < 0 {
		return Lease{}, p.withheld(how)
	}
	if d := dests[chosen]; d.Fail != 0 {
		return Lease{}, &FailedError{Status: d.Fail, Service: d.Service}
	}
	l, err := p.from(groups[chosen], groups[chosen].offer(p.now), how)
	l.Destination = chosen
	return l, err
}

// withheld says what it means that a verdict keeps this request away from all that
// was looked at. A retry's first look leaves out what was tried: that may still do.
func (p *picker) withheld(how pass) error {
	if how.fresh {
		return errNothing
	}
	return p.tripped()
}

// failing has a destination that is there to fail get its own share, and nothing of
// what others leave.
var failing = math.Nextafter(1, 0)

func (p *picker) group(d route.Destination) *group {
	if d.Fail != 0 {
		return nil
	}
	return p.view.groups[destination{d.Service, d.Subset, d.Port}]
}

// share is the largest share of its usual traffic that any instance of g may have.
func (p *picker) share(g *group, how pass) float64 {
	if g == nil {
		return 0
	}
	c := g.offer(p.now)
	switch {
	case how.strict && c.last:
		return 0
	case how.fresh:
		return c.fresher(p.now, p.tried)
	}
	return c.share
}

// from picks an instance of what g has to offer.
func (p *picker) from(g *group, c *choice, how pass) (Lease, error) {
	tries := len(p.tried)
	if err := g.limits.enter(tries); err != nil {
		return Lease{}, err
	}
	if g.policy.HealthCheck != nil {
		g.service.used.Store(p.now.UnixNano())
	}
	l := Lease{set: p.set, limits: g.limits, tries: tries}
	for range 4 { // a breaker may trip, or its probe go to another, before Admit
		m, ok := p.member(g, c, how)
		if !ok {
			break
		}
		i := m.instance
		l.Instance, l.Cookie, l.Why, l.Passed = i, m.cookie, m.why, c.passed
		l.terms = i.terms.Load()
		if judged := m.judged || l.terms.verdict(p.now) != nil; c.mode == "" && !judged && l.terms.member == nil {
			if l.ticket, ok = i.breaker.Admit(); !ok {
				c = g.offer(p.now)
				continue
			}
		}
		i.load.Begin()
		return l, nil
	}
	g.limits.leave(tries)
	return Lease{}, errNothing
}

// nothing says why there is no instance.
func (p *picker) nothing() error {
	for _, d := range p.route.Destinations() {
		if g := p.group(d); g != nil && g.size > 0 {
			return p.tripped()
		}
	}
	for _, d := range p.route.Destinations() {
		if d.Fail != 0 {
			return &FailedError{Status: d.Fail, Service: d.Service}
		}
	}
	return fmt.Errorf("%w: %s", ErrNoInstance, p.route.Service)
}

// tripped is ErrTripped with what is responsible.
func (p *picker) tripped() error {
	for _, d := range p.route.Destinations() {
		g := p.group(d)
		if g == nil {
			continue
		}
		if c := g.offer(p.now); c.passed != "" {
			return fmt.Errorf("%w: %s", ErrTripped, c.passed)
		}
		for _, part := range g.parts {
			for _, i := range part.members {
				if v := i.terms.Load().verdict(p.now); v != nil {
					return fmt.Errorf("%w: verdict about %s: %s", ErrTripped, v.Target, v.Reason)
				}
			}
		}
	}
	return fmt.Errorf("%w: %s", ErrNoInstance, p.route.Service)
}
