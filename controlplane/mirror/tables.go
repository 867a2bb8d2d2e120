package mirror

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// Settings are what holds for all of the mesh and no resource says.
type Settings struct {
	PathNormalization mesh.PathNormalization `json:"pathNormalization,omitempty"`
}

// tables are the store's, decoded. A value that cannot be read replaces nothing.
type tables struct {
	resources map[string]config.Object
	standIns  map[string]config.Object                // in place of what was never read
	instances []*mesh.Instance                        // by id; what they point to is never changed
	members   map[mesh.ServiceName][]mesh.Instance    // the same, by id; lists are replaced, never changed
	of        func(*mesh.Instance) []mesh.ServiceName // which services an instance is a member of
	verdicts  map[string]mesh.Verdict
	settings  Settings

	bad map[place]unreadable
}

// place is where the store has a value.
type place struct{ table, key string }

// unreadable is a value that could not be read: a newer program, or a hand, stored it.
type unreadable struct {
	change store.Change
	err    error
}

func newTables() tables {
	return tables{
		resources: map[string]config.Object{},
		standIns:  map[string]config.Object{},
		members:   map[mesh.ServiceName][]mesh.Instance{},
		of:        func(i *mesh.Instance) []mesh.ServiceName { return []mesh.ServiceName{i.Service} },
		verdicts:  map[string]mesh.Verdict{},
		bad:       map[place]unreadable{},
	}
}

// read decodes the value of a change, and remembers whether that worked. Nothing is
// read of a value that is gone.
func (t *tables) read(c store.Change, into any) bool {
	at := place{c.Table, c.Key}
	delete(t.bad, at)
	if c.Removed {
		return false
	}
	if err := c.Decode(into); err != nil {
		t.bad[at] = unreadable{c, err}
		return false
	}
	return true
}

// lost reports whether a change leaves a value that cannot be read.
func (t *tables) lost(c store.Change) bool {
	_, bad := t.bad[place{c.Table, c.Key}]
	return bad
}

// instance takes a change of an instance in, and tells which services it touches.
func (t *tables) instance(c store.Change) (touched []mesh.ServiceName) {
	var i mesh.Instance
	ok := t.read(c, &i)
	if t.lost(c) {
		return nil
	}
	if at, there := t.find(c.Key); there {
		old := t.instances[at]
		touched = t.of(old)
		t.instances = slices.Delete(t.instances, at, at+1)
		for _, s := range touched {
			t.leave(s, old)
		}
	}
	if !ok {
		return touched
	}
	i.ID = mesh.InstanceID(c.Key) // by which it is found again
	return append(touched, t.insert(&i)...)
}

// find is where an instance is, or would be.
func (t *tables) find(key string) (at int, there bool) {
	return slices.BinarySearchFunc(t.instances, mesh.InstanceID(key), func(i *mesh.Instance, id mesh.InstanceID) int {
		return cmp.Compare(i.ID, id)
	})
}

func (t *tables) insert(i *mesh.Instance) (joined []mesh.ServiceName) {
	at, _ := t.find(string(i.ID))
	t.instances = slices.Insert(t.instances, at, i)
	joined = t.of(i)
	for _, s := range joined {
		t.join(s, i)
	}
	return joined
}

func (t *tables) join(s mesh.ServiceName, i *mesh.Instance) {
	members := t.members[s]
	at, _ := slices.BinarySearchFunc(members, i.ID, func(m mesh.Instance, id mesh.InstanceID) int { return cmp.Compare(m.ID, id) })
	t.members[s] = slices.Insert(slices.Clone(members), at, *i)
}

func (t *tables) leave(s mesh.ServiceName, old *mesh.Instance) {
	var rest []mesh.Instance
	for _, m := range t.members[s] {
		if m.ID != old.ID {
			rest = append(rest, m)
		}
	}
	if t.members[s] = rest; len(rest) == 0 {
		delete(t.members, s)
	}
}

// regroup has every instance be a member of other services than it was.
func (t *tables) regroup(of func(*mesh.Instance) []mesh.ServiceName) {
	t.of = of
	t.members = make(map[mesh.ServiceName][]mesh.Instance, len(t.members))
	for _, i := range t.instances { // in the order of their ids
		for _, s := range of(i) {
			t.members[s] = append(t.members[s], *i)
		}
	}
}

// rejoin finds out anew who is a member of these services.
func (t *tables) rejoin(services map[mesh.ServiceName]struct{}, has func(mesh.ServiceName, *mesh.Instance) bool) {
	for s := range services {
		var members []mesh.Instance
		for _, i := range t.instances { // in the order of their ids
			if has(s, i) {
				members = append(members, *i)
			}
		}
		if t.members[s] = members; len(members) == 0 {
			delete(t.members, s)
		}
	}
}

// verdict takes a change of a verdict in, and tells which services it touches.
func (t *tables) verdict(c store.Change) (touched []mesh.ServiceName) {
	var v mesh.Verdict
	ok := t.read(c, &v)
	if t.lost(c) {
		return nil
	}
	if old, there := t.verdicts[c.Key]; there {
		touched = append(touched, old.Target.Service)
		delete(t.verdicts, c.Key)
	}
	if !ok {
		return touched
	}
	t.verdicts[c.Key] = v
	return append(touched, v.Target.Service)
}

func (t *tables) resource(c store.Change) {
	var r mesh.Resource
	delete(t.standIns, c.Key)
	if t.read(c, &r) {
		o, err := config.Stored(r.Manifest)
		if err == nil {
			o.Created, o.Changed = c.Created, r.Changed
			t.resources[c.Key] = o
			return
		}
		t.bad[place{c.Table, c.Key}] = unreadable{c, err}
	}
	if last, there := t.resources[c.Key]; there && t.lost(c) && last.Created == c.Created {
		return
	}
	delete(t.resources, c.Key)
	if !t.lost(c) {
		return
	}
	if o, stands := config.StandIn(named(c.Key), r.Manifest); stands {
		o.Created, o.Changed = c.Created, r.Changed
		t.standIns[c.Key] = o
	}
}

// named is what the key of a resource says of it.
func named(key string) config.Object {
	kind, rest, _ := strings.Cut(key, "/")
	namespace, name, _ := strings.Cut(rest, "/")
	return config.Object{Kind: kind, Namespace: namespace, Name: name}
}

func (t *tables) setting(c store.Change) {
	var s Settings
	t.read(c, &s)
	if !t.lost(c) {
		t.settings = s
	}
}

// carry takes over from the tables of before what cannot be read any more, or not again.
func (t *tables) carry(before tables) {
	for at, u := range t.bad {
		switch at.table {
		case store.Resources:
			if o, there := before.resources[at.key]; there && o.Created == u.change.Created {
				t.resources[at.key] = o
				delete(t.standIns, at.key)
			}
		case store.Instances:
			if i, there := before.find(at.key); there {
				t.insert(before.instances[i])
			}
		case store.Verdicts:
			if v, there := before.verdicts[at.key]; there {
				t.verdicts[at.key] = v
			}
		case store.Settings:
			t.settings = before.settings
		}
	}
}

// unreadable is every value that cannot be read, in the order of tables and keys.
func (t *tables) unreadable() []mesh.Unreadable {
	var out []mesh.Unreadable
	for at, u := range t.bad {
		told := mesh.Unreadable{Table: at.table, Key: at.key, Reason: u.err.Error(), Instead: t.instead(at), Revision: u.change.Revision}
		if at.table == store.Resources {
			told.Resource = named(at.key).Key()
			// Each line of a refusal begins with the resource.
			told.Reason = strings.ReplaceAll(strings.ReplaceAll(told.Reason, told.Resource+": ", ""), "\n", "; ")
		}
		out = append(out, told)
	}
	slices.SortFunc(out, mesh.Unreadable.Compare)
	return out
}

// instead is what holds in place of a value that cannot be read.
func (t *tables) instead(at place) string {
	held := false
	switch at.table {
	case store.Resources:
		if _, stands := t.standIns[at.key]; stands {
			return mesh.InsteadLeast
		}
		_, held = t.resources[at.key]
	case store.Instances:
		_, held = t.find(at.key)
	case store.Verdicts:
		_, held = t.verdicts[at.key]
	case store.Settings:
		held = t.settings != Settings{}
	}
	if held {
		return mesh.InsteadLastGood
	}
	return mesh.InsteadNothing
}

// current is what holds of a resource now: what is stored, what stands in for it, or nil.
func (t *tables) current(key string) *config.Object {
	o, there := t.resources[key]
	if !there {
		o, there = t.standIns[key]
	}
	if !there {
		return nil
	}
	return &o
}

// keys are those of all resources.
func (t *tables) keys() map[string]struct{} {
	out := make(map[string]struct{}, len(t.resources)+len(t.standIns))
	for key := range t.resources {
		out[key] = struct{}{}
	}
	for key := range t.standIns {
		out[key] = struct{}{}
	}
	return out
}

// governing are the resources of which policies are made.
func (t *tables) governing() (out []config.Object) {
	for key := range t.keys() {
		if o := t.current(key); compile.Governs(*o) {
			out = append(out, *o)
		}
	}
	return out
}

// all is every instance in the order of their ids.
func (t *tables) all() []mesh.Instance {
	out := make([]mesh.Instance, len(t.instances))
	for n, i := range t.instances {
		out[n] = *i
	}
	return out
}

func (t *tables) judged(s mesh.ServiceName) (out []mesh.Verdict) {
	for _, v := range t.verdicts {
		if v.Target.Service == s {
			out = append(out, v)
		}
	}
	return out
}

// spokenOf are the services that anything speaks of.
func (t *tables) spokenOf(base *compile.Base) map[mesh.ServiceName]struct{} {
	out := make(map[mesh.ServiceName]struct{}, len(t.members))
	for name := range base.Names() {
		out[name] = struct{}{}
	}
	for name := range t.members {
		out[name] = struct{}{}
	}
	for _, v := range t.verdicts {
		out[v.Target.Service] = struct{}{}
	}
	return out
}
