package upstream

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/balance"
	"github.com/sightline-mesh/sightline/proxy/breaker"
)

// choice is what a group has to offer for as long as nothing changes. It is made once
// per change, so that a request only has to look at it, and is never changed itself.
type choice struct {
	generation uint64
	until      int64 // nanoseconds since the epoch: then time alone makes it stale

	// share of its usual traffic that the group may have: what the verdicts leave.
	share float64
	// last is set when breakers and health are passed over because they would leave
	// nothing at all.
	last   bool
	mode   string // why instances are chosen in spite of their health; "" is the rule
	offers []offer
	cum    []float64 // of the offers' parts of the requests; nil with one offer
	lesser []judged  // that verdicts let have less than others
	size   int       // of the group
	// resting are those whose breaker waits to probe; they go first, from when on.
	resting     []*Instance
	restingFrom int64

	out    int // instances that are passed over
	passed string
}

// offer is what one part of a group has to offer.
type offer struct {
	part    *part
	able    []*Instance
	loads   []*balance.Load // of able
	allowed []bool          // of the part's members; with a table
}

type judged struct {
	instance *Instance
	share    float64
}

const never = math.MaxInt64

func (c *choice) fresh(g *group, now time.Time) bool {
	return c.generation == g.service.generation.Load() && now.UnixNano() < c.until
}

// consider makes a choice. What sweeps of outlier detection are due come first.
func (g *group) consider(now time.Time) *choice {
	for _, p := range g.parts {
		for _, i := range p.members {
			if m := i.terms.Load().member; m != nil {
				m.Detector().Sweep(now)
			}
		}
	}
	generation := g.service.generation.Load()
	c := g.weigh(now, true)
	switch {
	case g.panics(c):
		c = g.weigh(now, false)
		c.mode = fmt.Sprintf("panic: fewer than %d %% are well", g.policy.Outlier.MinHealthPercent)
	case c.share == 0 && g.policy.Outlier == nil:
		until := c.until
		if c = g.weigh(now, false); c.share > 0 {
			c.last, c.mode = true, "last resort: no other is left"
			c.until = min(c.until, until)
		}
	}
	c.generation = generation
	return c
}

// panics reports whether so few are well that the policy wants health ignored.
func (g *group) panics(c *choice) bool {
	o := g.policy.Outlier
	return o != nil && o.MinHealthPercent > 0 && c.out > 0 && 100*(c.size-c.out) < o.MinHealthPercent*c.size
}

// weigh sorts the instances by what they may have. Without heed their health is ignored;
// verdicts never are.
func (g *group) weigh(now time.Time, heed bool) *choice {
	w := weighing{choice: &choice{until: never, restingFrom: never, size: g.size}, now: now, heed: heed}
	shares := make([][]float64, len(g.parts))
	for n, p := range g.parts {
		shares[n] = make([]float64, len(p.members))
		for k, i := range p.members {
			shares[n][k] = w.allow(i)
			w.share = max(w.share, shares[n][k])
		}
	}
	health := make([]bandHealth, len(g.parts))
	for n, p := range g.parts {
		o := w.offer(p, shares[n])
		w.offers = append(w.offers, o)
		health[n] = bandHealth{weight: p.weight, able: len(o.able), total: len(p.members)}
	}
	if len(w.offers) > 1 {
		w.cum = spread(health)
		for n := 1; n < len(w.cum); n++ {
			w.cum[n] += w.cum[n-1]
		}
	}
	if w.share == 0 && len(w.resting) > 0 {
		w.rested()
	}
	w.passed = w.notes.String()
	return w.choice
}

// weighing is a choice in the making.
type weighing struct {
	*choice
	now   time.Time
	heed  bool
	notes notes
}

// allow is how much of its usual traffic an instance may have. It looks at what speaks
// against it, what weighs most first. While a verdict lets a share through to see how the
// instance fares, nothing that this sidecar found out has a say: a breaker may be in the
// midst of a long rest, and the mesh would wait in vain for what it asked to see.
func (w *weighing) allow(i *Instance) float64 {
	t := i.terms.Load()
	if v := t.verdict(w.now); v != nil {
		if !v.Until.IsZero() {
			w.staleAt(v.Until.UnixNano())
		}
		if admitted(v) == 0 {
			w.pass(i, "verdict", v.Reason)
		}
		return admitted(v)
	}
	switch {
	case !w.heed:
		return 1
	case !i.well():
		w.pass(i, "health check", i.health.Load().Why)
		return 0
	case t.member != nil:
		if t.member.Out() {
			w.pass(i, "outlier", t.member.Status().Reason)
			w.staleAt(t.member.Detector().Next().UnixNano())
			return 0
		}
		return 1
	case i.breaker.State() != breaker.Admitting:
		st := i.breaker.Status()
		w.pass(i, st.State.String(), st.Reason)
		w.resting = append(w.resting, i)
		from := w.now.UnixNano()
		if st.State == breaker.Tripped {
			from = st.Until.UnixNano()
		}
		w.restingFrom = min(w.restingFrom, from)
		return 0
	}
	return 1
}

// rested is for a group of which every instance rests: those that may be probed can be
// had. That a probe came to nothing is told of by no event, so that while one is out each
// request looks again.
func (w *weighing) rested() {
	w.staleAt(w.restingFrom)
	for _, i := range w.resting {
		if ready, _ := i.breaker.Ready(w.now); ready {
			w.share = 1
		}
	}
}

func (w *weighing) offer(p *part, shares []float64) offer {
	o := offer{part: p}
	if p.table != nil {
		o.allowed = make([]bool, len(p.members))
	}
	for k, share := range shares {
		i := p.members[k]
		switch {
		case share <= 0:
			continue
		case share < w.share:
			w.lesser = append(w.lesser, judged{i, share})
			continue
		}
		o.able, o.loads = append(o.able, i), append(o.loads, i.load)
		if o.allowed != nil {
			o.allowed[k] = true
		}
	}
	return o
}

func (w *weighing) staleAt(at int64) { w.until = min(w.until, at) }

func (w *weighing) pass(i *Instance, what, why string) {
	w.out++
	w.notes.add(i.Info.ID, what, why)
}

// notes say who is passed over and why, of the first few.
type notes struct {
	text strings.Builder
	n    int
}

const maxNotes = 4

func (n *notes) String() string {
	if n.n > maxNotes {
		fmt.Fprintf(&n.text, "; and %d more", n.n-maxNotes)
	}
	return n.text.String()
}

func (n *notes) add(id mesh.InstanceID, what, why string) {
	if n.n++; n.n > maxNotes {
		return
	}
	if n.n > 1 {
		n.text.WriteString("; ")
	}
	n.text.WriteString(string(id) + ": " + what)
	if why != "" {
		n.text.WriteString(" (" + why + ")")
	}
}
