package hub

import (
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Tap has the sidecars asked for these looks at requests, and for no others.
func (h *Hub) Tap(all []mesh.Tap) {
	h.taps.Store(&all)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.feeds {
		signal(f.wake)
	}
}

// Asked is how many sidecars that have a stream a tap asks.
func (h *Hub) Asked(t mesh.Tap) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.feeds {
		if t.Asks(&f.joining.Instance) { // which does not change
			n++
		}
	}
	return n
}

// changedTaps is what the sidecar is asked to tell of, nil when it was sent that. The
// second result says which; it is never nil when something changed.
func (f *Feed) changedTaps() (taps []mesh.Tap, changed bool) {
	all := f.h.taps.Load()
	if all == nil {
		return nil, false
	}
	for _, t := range *all {
		if t.Asks(&f.joining.Instance) {
			taps = append(taps, t)
		}
	}
	slices.SortFunc(taps, func(a, b mesh.Tap) int { return compareIDs(a.ID, b.ID) })
	if slices.Equal(taps, f.taps) {
		return nil, false
	}
	f.taps = taps
	return taps, true
}

func compareIDs(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
