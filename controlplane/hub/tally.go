package hub

import "sync/atomic"

// Tally is what a hub has done since it was made.
type Tally struct {
	Streams   uint64 // sidecars that joined, again after a lost stream
	Pushes    uint64
	Snapshots uint64 // in those pushes
	Accepted  uint64
	Refused   uint64
	Failed    uint64 // states that could not be loaded
}

type tally struct {
	streams, pushes, snapshots, accepted, refused, failed atomic.Uint64
}

// Tally is what the hub has done so far.
func (h *Hub) Tally() Tally {
	t := &h.tally
	return Tally{
		Streams: t.streams.Load(), Pushes: t.pushes.Load(), Snapshots: t.snapshots.Load(),
		Accepted: t.accepted.Load(), Refused: t.refused.Load(), Failed: t.failed.Load(),
	}
}
