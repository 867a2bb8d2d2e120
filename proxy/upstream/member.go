package upstream

import (
	"math/rand/v2"
	"slices"
	"time"
)

// member is an instance that was chosen, and how.
type member struct {
	instance *Instance
	judged   bool   // it has its share by a verdict
	why      string // "" is the rule
	cookie   string // a Set-Cookie for the client
}

// redraws is how often a retry draws again when it meets an instance that it has tried,
// before it looks at all. Istio's number.
const redraws = 5

// member balances over the instances that may have this request. An instance that
// waits for its breaker's probe goes first, as otherwise it might wait for long. One
// that a verdict judges has its share of an even split, whatever its load: that is
// worst where it is to be seen whether it got better.
func (p *picker) member(g *group, c *choice, how pass) (member, bool) {
	if p.now.UnixNano() >= c.restingFrom {
		for _, i := range c.resting {
			if ready, _ := i.breaker.Ready(p.now); ready && p.eligible(i, how) {
				return member{instance: i, why: "probe"}, true
			}
		}
	}
	for _, j := range c.lesser {
		if p.eligible(j.instance, how) && rand.Float64() < j.share/c.share/float64(c.size) {
			return j.member(), true
		}
	}
	if m, ok := p.able(g, c, how); ok || !how.fresh {
		return m, ok
	}
	for _, j := range c.lesser { // what is left of the untried
		if p.eligible(j.instance, how) {
			return j.member(), true
		}
	}
	return member{}, false
}

func (p *picker) eligible(i *Instance, how pass) bool { return !how.fresh || !contains(p.tried, i) }

func (j judged) member() member {
	return member{instance: j.instance, judged: true, why: "verdict lets a share through"}
}

// able is member for those that may have all that the group may.
func (p *picker) able(g *group, c *choice, how pass) (member, bool) {
	m := member{why: c.mode}
	key, cookie, keyed := hashKey(g.policy.Hash, p.ask)
	m.cookie = cookie
	at := rand.Float64()
	if keyed { // the same for the same key
		const golden = 0x9e3779b97f4a7c15
		at = float64(key*golden>>11) / (1 << 53)
	}
	first := c.draw(at)
	if p.route.OtherLocalities && len(p.tried) > 0 {
		if m.instance = p.elsewhere(c, first, key, keyed, how); m.instance != nil {
			return m, true
		}
	}
	for n := range c.offers {
		o := &c.offers[(first+n)%len(c.offers)]
		if len(o.able) == 0 || n > 0 && !how.fresh {
			continue
		}
		m.instance = p.of(o, key, keyed, how)
		if m.instance != nil {
			return m, true
		}
	}
	return member{}, false
}

// of is an instance of an offer, the same for the same key.
func (p *picker) of(o *offer, key uint64, keyed bool, how pass) *Instance { //nolint:revive // a key may be 0
	if keyed {
		return p.keyed(o, key, how)
	}
	return p.balanced(o, how)
}

// elsewhere is an instance of an offer none of whose instances were tried, nil without one.
func (p *picker) elsewhere(c *choice, first int, key uint64, keyed bool, how pass) *Instance {
	tried := func(i *Instance) bool { return contains(p.tried, i) }
	for n := range c.offers {
		o := &c.offers[(first+n)%len(c.offers)]
		if len(o.able) == 0 || slices.ContainsFunc(o.part.members, tried) {
			continue
		}
		if i := p.of(o, key, keyed, how); i != nil {
			return i
		}
	}
	return nil
}

// draw is the offer at a point of [0, 1), by the parts of the requests that they get.
func (c *choice) draw(at float64) int {
	if c.cum == nil {
		return 0
	}
	last := 0
	for n, end := range c.cum {
		if len(c.offers[n].able) == 0 {
			continue
		}
		if last = n; at < end {
			break
		}
	}
	return last
}

func (p *picker) keyed(o *offer, key uint64, how pass) *Instance {
	allowed := o.allowed
	if how.fresh {
		allowed = slices.Clone(allowed)
		for n, i := range o.part.members {
			allowed[n] = allowed[n] && p.eligible(i, how)
		}
	}
	at := o.part.table.Pick(key, allowed)
	if at < 0 {
		return nil
	}
	return o.part.members[at]
}

func (p *picker) balanced(o *offer, how pass) *Instance {
	for range redraws {
		i := o.able[o.part.balancer.Pick(p.now, o.loads)]
		if p.eligible(i, how) {
			return i
		}
	}
	start := rand.IntN(len(o.able))
	for n := range o.able {
		if i := o.able[(start+n)%len(o.able)]; !contains(p.tried, i) {
			return i
		}
	}
	return nil
}

// fresher is the share that the instances may have that were not tried.
func (c *choice) fresher(now time.Time, tried []*Instance) float64 {
	for _, o := range c.offers {
		for _, i := range o.able { // ends soon: few were tried
			if !contains(tried, i) {
				return c.share
			}
		}
	}
	for _, i := range c.resting {
		if ready, _ := i.breaker.Ready(now); ready && !contains(tried, i) {
			return 1
		}
	}
	best := 0.0
	for _, j := range c.lesser {
		if !contains(tried, j.instance) {
			best = max(best, j.share)
		}
	}
	return best
}
