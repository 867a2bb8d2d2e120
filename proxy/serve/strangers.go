package serve

import (
	"net/netip"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// strangers are who came in plaintext where only mutual TLS is taken.
type strangers struct {
	mu    sync.Mutex // guards what follows
	count uint64
	from  netip.Addr // of the last
	last  time.Time
}

func (s *strangers) turnAway(from netip.Addr, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count, s.from, s.last = s.count+1, from, now
}

func (s *strangers) counted() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// TurnedAway is what came in plaintext where only mutual TLS is taken, since the start.
func (in *Inbound) TurnedAway() mesh.TurnedAway {
	s := &in.strangers
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == 0 {
		return mesh.TurnedAway{}
	}
	return mesh.TurnedAway{Plaintext: s.count, From: s.from.String(), Last: s.last}
}
