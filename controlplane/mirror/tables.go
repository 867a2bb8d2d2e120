package mirror

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// Settings are what holds for all of the mesh and no resource says.
type Settings struct {
	PathNormalization mesh.PathNormalization `json:"pathNormalization,omitempty"`
}

// tables are the store's, decoded.
type tables struct {
	resources map[string]config.Object
	instances []*mesh.Instance                     // by id; what they point to is never changed
	members   map[mesh.ServiceName][]mesh.Instance // the same, by id; lists are replaced, never changed
	verdicts  map[string]mesh.Verdict
	settings  Settings

	bad map[string]error // why a value could not be read, by table and key
}

func newTables() tables {
	return tables{
		resources: map[string]config.Object{},
		members:   map[mesh.ServiceName][]mesh.Instance{},
		verdicts:  map[string]mesh.Verdict{},
		bad:       map[string]error{},
	}
}

// unreadable names every value that could not be read: a newer program, or a hand,
// stored it.
func (t *tables) unreadable() error {
	out := make([]error, 0, len(t.bad))
	for _, key := range slices.Sorted(maps.Keys(t.bad)) {
		out = append(out, t.bad[key])
	}
	return errors.Join(out...)
}

// read decodes the value of a change, and remembers whether that worked. Nothing is
// read of a value that is gone.
func (t *tables) read(c store.Change, into any) bool {
	key := c.Table + "/" + c.Key
	delete(t.bad, key)
	if c.Removed {
		return false
	}
	if err := c.Decode(into); err != nil {
		t.bad[key] = err
		return false
	}
	return true
}

// instance takes a change of an instance in, and tells which services it touches.
func (t *tables) instance(c store.Change) (touched []mesh.ServiceName) {
	at, ok := slices.BinarySearchFunc(t.instances, mesh.InstanceID(c.Key), func(i *mesh.Instance, id mesh.InstanceID) int {
		return cmp.Compare(i.ID, id)
	})
	if ok {
		old := t.instances[at]
		touched = append(touched, old.Service)
		t.instances = slices.Delete(t.instances, at, at+1)
		t.leave(old)
	}
	var i mesh.Instance
	if !t.read(c, &i) {
		return touched
	}
	i.ID = mesh.InstanceID(c.Key) // by which it is found again
	t.instances = slices.Insert(t.instances, at, &i)
	t.join(&i)
	return append(touched, i.Service)
}

func (t *tables) join(i *mesh.Instance) {
	members := t.members[i.Service]
	at, _ := slices.BinarySearchFunc(members, i.ID, func(m mesh.Instance, id mesh.InstanceID) int { return cmp.Compare(m.ID, id) })
	t.members[i.Service] = slices.Insert(slices.Clone(members), at, *i)
}

func (t *tables) leave(old *mesh.Instance) {
	var rest []mesh.Instance
	for _, m := range t.members[old.Service] {
		if m.ID != old.ID {
			rest = append(rest, m)
		}
	}
	if t.members[old.Service] = rest; len(rest) == 0 {
		delete(t.members, old.Service)
	}
}

// verdict takes a change of a verdict in, and tells which services it touches.
func (t *tables) verdict(c store.Change) (touched []mesh.ServiceName) {
	if old, ok := t.verdicts[c.Key]; ok {
		touched = append(touched, old.Target.Service)
		delete(t.verdicts, c.Key)
	}
	var v mesh.Verdict
	if !t.read(c, &v) {
		return touched
	}
	t.verdicts[c.Key] = v
	return append(touched, v.Target.Service)
}

func (t *tables) resource(c store.Change) {
	delete(t.resources, c.Key)
	var r mesh.Resource
	if !t.read(c, &r) {
		return
	}
	objects, err := config.Parse([]byte(r.Manifest))
	if err == nil && len(objects) != 1 {
		err = fmt.Errorf("the manifest holds %d objects, want one", len(objects))
	}
	if err != nil {
		t.bad[c.Table+"/"+c.Key] = fmt.Errorf("stored resource %s: %w", c.Key, err)
		return
	}
	objects[0].Created = c.Created
	t.resources[c.Key] = objects[0]
}

func (t *tables) setting(c store.Change) {
	t.settings = Settings{}
	t.read(c, &t.settings)
}

func (t *tables) objects() []config.Object { return slices.Collect(maps.Values(t.resources)) }

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

// named are the services that anything speaks of.
func (t *tables) named(base compile.Base) map[mesh.ServiceName]struct{} {
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
