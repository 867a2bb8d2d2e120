package hub

import (
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// awayAgain is how long connections that go on to be turned away are not told of again; of
// those that came longer ago than that a new stream says what an older one has said.
const awayAgain = 10 * time.Minute

// TurnedAway records what the sidecar says of connections that it did not take.
func (f *Feed) TurnedAway(t mesh.TurnedAway) {
	now := time.Now()
	f.mu.Lock()
	f.away = t
	instance := f.joining.Instance
	tell := now.Sub(t.Last) < awayAgain && (f.told.IsZero() || now.Sub(f.told) >= awayAgain)
	if tell {
		f.told = now
	}
	f.mu.Unlock()
	if tell && f.h.deps.TurnedAway != nil {
		f.h.deps.TurnedAway(instance, t)
	}
}
