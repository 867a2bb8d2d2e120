package resource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// stored is all that is stored, as of one revision. What cannot be read is in sources and
// faults alone: it can be looked at, replaced and deleted, and takes no part in anything
// else.
type stored struct {
	revision int64
	all      []store.Item[mesh.Resource] // in the order of their keys
	objects  []config.Object             // those that can be read
	sources  map[Ref]string              // the manifest of each; never ""
	faults   map[Ref]error               // why one cannot be read
}

// parsed remembers the work on one stored manifest.
type parsed struct {
	revision int64
	object   config.Object
	err      error
}

// stored reads what is stored.
func (k *Keeper) stored(ctx context.Context) (stored, error) {
	items, unread, revision, err := k.table.Settled(ctx)
	if err != nil {
		return stored{}, err
	}
	out := stored{revision: revision, all: items, sources: make(map[Ref]string, len(items)), faults: map[Ref]error{}}
	for _, u := range unread {
		out.fail(refOf(u.Key), string(u.Raw), u.Err)
		out.all = append(out.all, store.Item[mesh.Resource]{Key: u.Key, Revision: u.Revision, Value: mesh.Resource{Manifest: string(u.Raw)}})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	next := make(map[string]parsed, len(items))
	for _, i := range items {
		p, ok := k.parsed[i.Key]
		if !ok || p.revision != i.Revision {
			p = read(i)
		}
		next[i.Key] = p
		if p.err != nil {
			out.fail(refOf(i.Key), i.Value.Manifest, p.err)
			continue
		}
		out.sources[refOf(i.Key)] = i.Value.Manifest
		out.objects = append(out.objects, p.object)
	}
	k.parsed = next
	return out, nil
}

func read(i store.Item[mesh.Resource]) parsed {
	o, err := config.Stored(i.Value.Manifest)
	if err == nil && RefOf(o) != refOf(i.Key) {
		err = fmt.Errorf("the manifest is of %s", RefOf(o))
	}
	o.Line = 0 // of no manifest that is handed in
	o.Created = i.Created
	return parsed{i.Revision, o, err}
}

// ErrStale is wrapped when a change is of another version of a resource than the one that
// is there.
var ErrStale = errors.New("changed by someone else meanwhile")

// fresh refuses objects that are to take the place of a version that is not there any more.
func (s *stored) fresh(objects []config.Object) error {
	var bad []error
	for _, o := range objects {
		if o.ResourceVersion != "" {
			bad = append(bad, s.holds(RefOf(o), o.ResourceVersion))
		}
	}
	return errors.Join(bad...)
}

// holds refuses another version of a resource than the one that is there.
func (s *stored) holds(r Ref, version string) error {
	for _, i := range s.all {
		if refOf(i.Key) != r {
			continue
		}
		if now := strconv.FormatInt(i.Revision, 10); now != version {
			return fmt.Errorf("%w: %s has version %s by now, not %s: %s changed it on %s; look at what it is with `sightline get`, at what was done with `sightline history`, and make the change to that",
				ErrStale, r, now, version, cmp.Or(i.Value.By, "somebody"), i.Value.Changed.Format(time.RFC3339))
		}
		return nil
	}
	return fmt.Errorf("%w: there is no %s, so not its version %s either: it was deleted, or never there; leave resourceVersion out to make it", ErrStale, r, version)
}

func (s *stored) fail(r Ref, manifest string, err error) {
	if manifest == "" {
		manifest = "# empty\n"
	}
	s.sources[r], s.faults[r] = manifest, err
}

// refOf is the resource of a key.
func refOf(key string) Ref {
	kind, rest, _ := strings.Cut(key, "/")
	namespace, name, _ := strings.Cut(rest, "/")
	return Ref{kind, namespace, name}
}

// unreadable are findings that tell of what cannot be read.
func (s *stored) unreadable() []mesh.Finding {
	var out []mesh.Finding
	for _, i := range s.all {
		r := refOf(i.Key)
		if err := s.faults[r]; err != nil {
			out = append(out, faultsOf(r, err)...)
		}
	}
	return out
}

// faultsOf are what is wrong with a stored manifest, each with where it says so.
func faultsOf(r Ref, err error) []mesh.Finding {
	bad, ok := errors.AsType[*config.Error](err)
	if !ok {
		return []mesh.Finding{config.CodeStored.On(r.String(), "", "%v", err)}
	}
	var out []mesh.Finding
	for _, f := range bad.Findings {
		out = append(out, config.CodeStored.On(r.String(), f.Path, "%s (%s)", f.Message, f.Code))
	}
	return out
}

// reason is why a resource cannot be read, in one line; "" for one that can be.
func (s *stored) reason(r Ref) string {
	err := s.faults[r]
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(strings.ReplaceAll(err.Error(), r.String()+": ", ""), "\n", "; ")
}
