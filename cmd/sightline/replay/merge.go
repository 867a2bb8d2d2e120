package replay

import (
	"cmp"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Merge is what two replays of the same change over neighbouring windows say together.
func Merge(a, b mesh.Replay) mesh.Replay {
	if a.Start.IsZero() || !b.Start.IsZero() && b.Start.Before(a.Start) {
		a.Start = b.Start
	}
	if b.End.After(a.End) {
		a.End = b.End
	}
	a.Requests += b.Requests
	a.Unaffected += b.Unaffected
	a.Same += b.Same
	a.CannotTell += b.CannotTell
	a.Changed += b.Changed
	a.Partial = cmp.Or(a.Partial, b.Partial)
	a.NotRecorded = slices.Concat(a.NotRecorded, b.NotRecorded)
	slices.Sort(a.NotRecorded)
	a.NotRecorded = slices.Compact(a.NotRecorded)
	r := Replayer{changes: map[change]*tally{}, report: a}
	for _, c := range slices.Concat(a.Changes, b.Changes) {
		r.count(change{c.What, c.Caller, c.Service, c.Route, c.Was, c.Becomes}, c.Requests, c.Traces...)
	}
	a.Changes = r.sorted()
	return a
}
