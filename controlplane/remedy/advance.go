package remedy

import (
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// advance moves one verdict along: by time, or by what was seen of its target.
func (d *decision) advance(c course) {
	now := d.in.Now
	switch {
	case !c.verdict.Until.IsZero() && !now.Before(c.verdict.Until):
		d.release(c, "nobody renewed it in time", author, d.config.Cooldown)
	case c.verdict.Held:
		d.renew(c)
	case c.verdict.Phase == mesh.Probing:
		d.probing(c)
	case !now.Before(c.entered.Add(d.config.rest(c.failures))):
		c.verdict.Phase, c.verdict.Admit = mesh.Probing, d.config.Probe[0]
		c.entered, c.stepped, c.step = now, now, 0
		d.put(c)
		d.tell(mesh.EventProbing, c.verdict, sentence(c.verdict.Target, "is probed with %s of its traffic", percent(c.verdict.Admit)), nil)
	default:
		d.renew(c)
	}
}

// probing releases a verdict, trips it again, or waits for more to be seen.
func (d *decision) probing(c course) {
	o, ok := d.seen[c.verdict.Target]
	// Seconds are whole, so one that began just before the probing may count: there
	// was no traffic then.
	if !ok || o.Start.Before(c.entered.Add(-time.Second)) {
		o = mesh.Observation{}
	}
	good := o.Requests - min(o.Failed, o.Requests)
	now := d.in.Now
	switch {
	case o.Failed > 0:
		c.failures++
		c.verdict.Phase, c.verdict.Admit = mesh.Tripped, 0
		c.entered = now
		d.put(c)
		d.tell(mesh.EventTripped, c.verdict, sentence(c.verdict.Target, "is tripped again: %d of %d requests that probed it failed; the next probe is in %s",
			o.Failed, o.Requests, d.config.rest(c.failures)), figures(o))
	case good >= d.config.Good && c.step == len(d.config.Probe)-1:
		d.release(c, enough(o), author, d.config.Cooldown)
	case c.step < len(d.config.Probe)-1 && (good > 0 || now.Sub(c.stepped) >= d.config.Patience):
		c.step++
		c.stepped = now
		c.verdict.Admit = d.config.Probe[c.step]
		d.put(c)
		d.tell(mesh.EventProbing, c.verdict, sentence(c.verdict.Target, "is probed with %s of its traffic", percent(c.verdict.Admit)), figures(o))
	default:
		d.renew(c) // without traffic there is nothing to judge: keep probing
	}
}

func (d *decision) release(c course, why, by string, cooldown time.Duration) {
	c.verdict.Phase, c.verdict.Admit = mesh.Released, 1
	d.put(c)
	d.memories[c.verdict.Target] = memory{until: d.in.Now.Add(cooldown), fresh: d.in.Now.Truncate(time.Second)}
	var evidence map[string]string
	if o, ok := d.seen[c.verdict.Target]; ok {
		evidence = figures(o)
	}
	v := c.verdict
	v.By = by
	d.tell(mesh.EventReleased, v, sentence(v.Target, "is released: %s", why), evidence)
}

// renew puts off the time at which sidecars let go, at half of it.
func (d *decision) renew(c course) {
	if c.verdict.Until.Sub(d.in.Now) < d.config.Lease/2 {
		d.put(c)
	}
}
