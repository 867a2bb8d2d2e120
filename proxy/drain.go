package proxy

import (
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	// lookEvery is how often a draining sidecar looks whether the mesh knows of it.
	lookEvery = 50 * time.Millisecond
	// deafFor is how long the control plane may be away before nobody is expected to hear
	// of anything from it: longer than a stream takes to be made again.
	deafFor = time.Second
	// underWay is how long a push may take from one sidecar's to another's. They are sent
	// at once.
	underWay = 200 * time.Millisecond
)

// SetState tells the mesh whether the app takes requests. Only after Ready. Once a drain
// has begun it does not end by an app that comes up after all.
func (p *Proxy) SetState(s mesh.InstanceState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isLeaving() {
		return
	}
	p.state = s
	p.parts.feed.SetState(s)
}

// Leaving is closed when a drain begins.
func (p *Proxy) Leaving() <-chan struct{} { return p.leaving }

func (p *Proxy) isLeaving() bool {
	select {
	case <-p.leaving:
		return true
	default:
		return false
	}
}

// DrainInbound takes no more requests for the app, in this order: the sidecar is no
// longer ready, and tells the mesh; it goes on taking requests until callers can know;
// then connections end, in order and after their last answer, for which there is the
// drain time. It returns when that is done, and may be called again.
func (p *Proxy) DrainInbound() {
	p.once.Do(func() {
		if p.leave() {
			p.awaitCallers()
		}
		close(p.drain)
	})
	<-p.drained
}

// leave reports whether requests may have been on their way to the app until now.
func (p *Proxy) leave() (announced bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	announced = p.state == mesh.Ready
	p.state = mesh.Draining
	close(p.leaving)
	p.parts.feed.SetState(mesh.Draining)
	return announced
}

// awaitCallers waits until the control plane has published that this instance drains.
// What it publishes it sends to everyone at once, so that this sidecar's own feed tells
// what callers know. Without a control plane there is nothing to wait for: callers then
// find out by the end of their connections. In no case does it take longer than the
// drain time.
func (p *Proxy) awaitCallers() {
	own, err := mesh.ResolveHost(p.c.Service, p.c.Namespace)
	if err != nil {
		return // its names were checked: it has no callers either
	}
	p.parts.tables.ask(own)
	late := time.NewTimer(p.c.Drain)
	defer late.Stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	heard := time.Now()
	for !p.isKnownToDrain(own) {
		if p.parts.feed.Status().Connected {
			heard = time.Now()
		}
		if time.Since(heard) >= deafFor {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			return
		case <-p.drained:
			return
		}
	}
	arriving := time.NewTimer(underWay)
	defer arriving.Stop()
	select {
	case <-arriving.C:
	case <-late.C:
	case <-p.drained:
	}
}

// isKnownToDrain reports whether the newest set of snapshots sends nobody here.
func (p *Proxy) isKnownToDrain(own mesh.ServiceName) bool {
	for _, s := range p.parts.tables.snapshots() {
		if s.Service != own {
			continue
		}
		for i := range s.Instances {
			if s.Instances[i].ID == mesh.InstanceID(p.c.Instance) {
				return s.Instances[i].State != mesh.Ready
			}
		}
		return true
	}
	return false
}
