package cardinality

import (
	"sync"
	"time"
)

// Full says which limit leaves no room for a key.
type Full int

// The limits, the narrowest first.
const (
	Room  Full = iota // none: the key counts
	Part              // of the part of its group
	Group             // of its group
	All               // of all groups together
)

// Limits are how much room there is; 0 is no limit.
type Limits struct {
	Part, Group, All int
}

// Key names one key: the group's, of a part of it. Weight is what it counts for, 0 is 1.
type Key struct {
	Group  string
	Part   uint64
	Hash   uint64
	Weight int
}

// Keys are the keys in use. It is safe for use by several goroutines.
type Keys struct {
	limits Limits
	window time.Duration
	now    func() time.Time

	mu     sync.Mutex
	groups map[string]*group
	total  int
	turn   uint16 // counts windows, and wraps
	turned time.Time
}

// group is what one group has. Its parts are few beside its keys.
type group struct {
	keys  map[uint64]entry
	parts map[uint32]int // weight of each
	total int
}

type entry struct {
	part   uint32
	weight uint16
	seen   uint16 // turn
}

// New makes an empty set whose keys are forgotten when they were not used for a window,
// or two at the most.
func New(l Limits, window time.Duration) *Keys {
	return &Keys{limits: l, window: window, now: time.Now, groups: map[string]*group{}, turned: time.Now()}
}

// Admit reports whether a key counts, or which limit keeps it from doing so. A key that
// counts already always does.
func (k *Keys) Admit(key Key) Full {
	part := uint32(key.Part ^ key.Part>>32)
	weight := uint16(min(max(key.Weight, 1), 1<<16-1))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget()
	g := k.groups[key.Group]
	if g != nil {
		if e, ok := g.keys[key.Hash]; ok {
			if e.seen != k.turn {
				e.seen = k.turn
				g.keys[key.Hash] = e
			}
			return Room
		}
	}
	if full := k.full(g, part, int(weight)); full != Room {
		return full
	}
	if g == nil {
		g = &group{keys: map[uint64]entry{}, parts: map[uint32]int{}}
		k.groups[key.Group] = g
	}
	g.keys[key.Hash] = entry{part: part, weight: weight, seen: k.turn}
	g.add(part, int(weight))
	k.total += int(weight)
	return Room
}

func (g *group) add(part uint32, weight int) {
	g.total += weight
	if g.parts[part] += weight; g.parts[part] <= 0 {
		delete(g.parts, part)
	}
}

// Count is how much of the limits a group uses.
func (k *Keys) Count(name string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if g := k.groups[name]; g != nil {
		return g.total
	}
	return 0
}

func (k *Keys) full(g *group, part uint32, weight int) Full {
	over := func(have, most int) bool { return most > 0 && have+weight > most }
	switch {
	case g != nil && over(g.parts[part], k.limits.Part):
		return Part
	case g != nil && over(g.total, k.limits.Group):
		return Group
	case over(k.total, k.limits.All):
		return All
	}
	return Room
}

// forget ends the window where it is over, and with it the keys that were not seen in it.
func (k *Keys) forget() {
	now := k.now()
	if now.Sub(k.turned) < k.window {
		return
	}
	k.turned = now
	last := k.turn
	k.turn++
	for name, g := range k.groups {
		for hash, e := range g.keys {
			if e.seen != last {
				delete(g.keys, hash)
				g.add(e.part, -int(e.weight))
				k.total -= int(e.weight)
			}
		}
		if len(g.keys) == 0 {
			delete(k.groups, name)
		}
	}
}
