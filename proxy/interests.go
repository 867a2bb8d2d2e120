package proxy

import (
	"cmp"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// maxStrangers bounds the names that the control plane is asked for and that are no
// service's, as anything an app sends a request to may look like one. It is told all
// of them with every new one. Services themselves are bounded by the mesh.
const maxStrangers = 1024

// strangersAtOnce is how many are forgotten at a time, so that most new names find
// room without a search.
const strangersAtOnce = maxStrangers / 8

// interests are what the control plane is asked for. When there are too many names of no
// service, those are forgotten that were not used for longest: never one that a
// request waits for, and never one that the sidecar was told to know.
type interests struct {
	names     map[mesh.ServiceName]*interest
	clock     uint64 // counts uses
	search    int    // how many names there may be before strangers are looked for
	forgotten uint64
}

// interest is why one name is asked for.
type interest struct {
	used    uint64 // the clock at its last use as a stranger
	waiting int    // requests
	kept    bool   // whatever becomes of it
}

func newInterests() interests {
	return interests{names: map[mesh.ServiceName]*interest{}, search: maxStrangers}
}

// use notes a use of a name and reports whether that is new.
func (a *interests) use(s mesh.ServiceName) (i *interest, isNew bool) {
	a.clock++
	i, ok := a.names[s]
	if !ok {
		i = &interest{}
		a.names[s] = i
	}
	i.used = a.clock
	return i, !ok
}

// forget makes room when there are too many strangers, and returns them.
func (a *interests) forget(known func(mesh.ServiceName) bool) []mesh.ServiceName {
	if len(a.names) <= a.search {
		return nil
	}
	var strangers []mesh.ServiceName
	for s, i := range a.names {
		if i.waiting == 0 && !i.kept && !known(s) {
			strangers = append(strangers, s)
		}
	}
	spare := len(strangers) - (maxStrangers - strangersAtOnce)
	if spare <= 0 {
		a.search = len(a.names) + strangersAtOnce
		return nil
	}
	slices.SortFunc(strangers, func(x, y mesh.ServiceName) int { return cmp.Compare(a.names[x].used, a.names[y].used) })
	strangers = strangers[:spare]
	for _, s := range strangers {
		delete(a.names, s)
	}
	a.forgotten += uint64(spare)
	a.search = max(maxStrangers, len(a.names)+strangersAtOnce)
	return strangers
}
