package compile

import (
	"maps"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Touched is what a change may make different; all else is as it was.
type Touched struct {
	Services map[mesh.ServiceName]struct{}
	// Grouped are those of Services to which other instances may belong than before.
	Grouped map[mesh.ServiceName]struct{}
	// Policies are those that came, went or are others: what instances enforce, tell or see.
	Policies map[string]struct{}

	peers     []config.Object // PeerAuthentications that came or went
	workloads []config.Object // WorkloadEntries that did
	routers   map[string]struct{}
}

func newTouched() Touched {
	return Touched{
		Services: map[mesh.ServiceName]struct{}{}, Grouped: map[mesh.ServiceName]struct{}{},
		Policies: map[string]struct{}{}, routers: map[string]struct{}{},
	}
}

// Peer reports whether callers of an instance may have to call it in another way.
func (t *Touched) Peer(i *mesh.Instance) bool {
	return i.Origin == "" && slices.ContainsFunc(t.peers, func(o config.Object) bool {
		return o.Selects(i.Service.Namespace(), i.Labels)
	})
}

// Apply replaces resources by key, or takes those out that are nil, and says what that
// touches.
func (b *Base) Apply(edits map[string]*config.Object) Touched {
	t := newTouched()
	for key := range edits {
		if old, there := b.objects[key]; there {
			delete(b.objects, key)
			b.index.remove(key, old)
			t.by(old)
		}
	}
	for key, now := range edits {
		if now != nil {
			b.objects[key] = *now
			b.index.put(key, *now)
			t.by(*now)
		}
	}
	for name := range t.Grouped {
		b.group(name)
	}
	b.join(&t)
	for key := range b.routing(edits, &t) {
		b.refer(key, b.namedBy(key), &t)
	}
	for _, name := range slices.Collect(maps.Keys(t.Services)) {
		b.compile(name, &t)
	}
	if len(t.peers) > 0 {
		b.modes = b.peerModes()
	}
	return t
}

// by takes note of a resource that comes or goes.
func (t *Touched) by(o config.Object) {
	if Governs(o) {
		t.Policies[o.Key()] = struct{}{}
	}
	switch {
	case o.VirtualService != nil:
		t.routers[o.Namespace+"/"+o.Name] = struct{}{}
	case o.WorkloadEntry != nil:
		t.workloads = append(t.workloads, o)
	case o.PeerAuthentication != nil:
		t.peers = append(t.peers, o)
	}
	for _, g := range o.Groups() {
		t.Grouped[g.Name] = struct{}{}
	}
	t.shapedBy(o)
}

func (t *Touched) shapedBy(o config.Object) {
	if shapes(o) {
		for _, name := range o.Hosts() {
			t.Services[name] = struct{}{}
		}
	}
}

// group finds the group of that name anew.
func (b *Base) group(name mesh.ServiceName) {
	if was := b.groups[name]; was != nil {
		delete(b.groups, name)
		b.grouped[was.Namespace] = slices.DeleteFunc(b.grouped[was.Namespace], func(s mesh.ServiceName) bool { return s == name })
		if len(b.grouped[was.Namespace]) == 0 {
			delete(b.grouped, was.Namespace)
		}
	}
	first := ""
	for key := range b.index.about[name] {
		o := b.objects[key]
		if b.groups[name] != nil && first < o.Key() {
			continue // Validate has told of the other
		}
		at := slices.IndexFunc(o.Groups(), func(g *config.Service) bool { return g.Name == name })
		if at >= 0 {
			b.groups[name], first = o.Groups()[at], o.Key()
		}
	}
	if g := b.groups[name]; g != nil && len(g.Selector) > 0 {
		in := b.grouped[g.Namespace]
		at, _ := slices.BinarySearch(in, name)
		b.grouped[g.Namespace] = slices.Insert(in, at, name)
	}
}

// join adds the services that WorkloadEntries which came or went belong or belonged to.
func (b *Base) join(t *Touched) {
	for _, w := range t.workloads {
		for key := range b.index.selectors[w.Namespace] {
			for _, g := range b.objects[key].Groups() {
				if g.Selects(w.Namespace, w.WorkloadEntry.Labels) {
					t.Services[g.Name] = struct{}{}
				}
			}
		}
	}
}

// routing are the keys of resources that changed, and of those whose routes delegate to
// one of them, which it adds to what is touched.
func (b *Base) routing(edits map[string]*config.Object, t *Touched) keySet {
	out := make(keySet, len(edits))
	for key := range edits {
		out[key] = struct{}{}
	}
	for name := range t.routers {
		for key := range b.index.delegators[name] {
			out[key] = struct{}{}
			t.shapedBy(b.objects[key])
		}
	}
	return out
}

// namedBy are the services that a resource's routes name, in force or not; those of
// Gateway API name theirs by being in force.
func (b *Base) namedBy(key string) []mesh.ServiceName {
	o, says := b.whole(key)
	if !says || o.VirtualService == nil {
		return nil
	}
	routes, streams := Routes(o)
	return named(mesh.Snapshot{Routes: routes, Streams: streams})
}

// refer replaces the services that someone's routes name.
func (b *Base) refer(by string, names []mesh.ServiceName, t *Touched) {
	for _, name := range names {
		if b.refers[name]++; b.refers[name] == 1 {
			t.Services[name] = struct{}{}
		}
	}
	for _, name := range b.names[by] {
		if b.refers[name]--; b.refers[name] == 0 {
			delete(b.refers, name)
			t.Services[name] = struct{}{}
		}
	}
	if b.names[by] = names; len(names) == 0 {
		delete(b.names, by)
	}
}

// ownRoutes begins the name under which a service's own routes name others; no resource's
// key begins so.
const ownRoutes = "routes of "

// compile makes what resources say of one service anew.
func (b *Base) compile(name mesh.ServiceName, t *Touched) {
	picked := map[string]config.Object{}
	for key := range b.index.about[name] {
		o, says := b.whole(key)
		if !says {
			continue
		}
		picked[key] = o
		for _, w := range b.workloads(name, o) {
			picked[w] = b.objects[w]
		}
	}
	made := builder{snaps: map[mesh.ServiceName]*mesh.Snapshot{}}
	made.all(slices.Collect(maps.Values(picked)), b.domain)
	s := made.snaps[name]
	if s == nil {
		delete(b.snaps, name)
		b.refer(ownRoutes+string(name), nil, t)
		return
	}
	b.snaps[name] = *s
	b.refer(ownRoutes+string(name), named(*s), t)
}

func (b *Base) peerModes() config.PeerModes {
	all := make([]config.Object, 0, len(b.index.peers))
	for key := range b.index.peers {
		all = append(all, b.objects[key])
	}
	return config.NewPeerModes(all)
}
