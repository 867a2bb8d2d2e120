package main

import (
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// watch is what all sidecars look for: changes on their way, by service.
type watch struct {
	mu     sync.RWMutex // guards what follows
	probes map[mesh.ServiceName]*probe
	count  uint64
}

// probe is one change.
type probe struct {
	number   uint64
	service  mesh.ServiceName
	instance mesh.InstanceID
	state    mesh.InstanceState
	begun    time.Time
	done     chan struct{} // closed when the last subscriber has it

	mu      sync.Mutex // guards what follows
	missing int
	took    time.Duration
}

// open begins a change of s that so many sidecars are to learn of.
func (w *watch) open(s *sidecar, to mesh.InstanceState, subscribers int) *probe {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	p := &probe{
		number: w.count, service: s.of, instance: s.id, state: to,
		begun: time.Now(), done: make(chan struct{}), missing: subscribers,
	}
	w.probes[s.of] = p
	return p
}

// shut ends the search for a change.
func (w *watch) shut(p *probe) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.probes[p.service] == p {
		delete(w.probes, p.service)
	}
}

// look counts a sidecar that holds a change now.
func (w *watch) look(s *sidecar, snaps []mesh.Snapshot) {
	now := time.Now()
	w.mu.RLock()
	defer w.mu.RUnlock()
	for i := range snaps {
		p := w.probes[snaps[i].Service]
		if p == nil || s.seen[p.service] == p.number || !p.in(&snaps[i]) {
			continue
		}
		s.seen[p.service] = p.number
		p.met(now)
	}
}

// in reports whether a snapshot says what the change made true.
func (p *probe) in(s *mesh.Snapshot) bool {
	for _, i := range s.Instances {
		if i.ID == p.instance {
			return i.State == p.state
		}
	}
	return false
}

func (p *probe) met(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.missing--
	if p.missing == 0 {
		p.took = now.Sub(p.begun)
		close(p.done)
	}
}
