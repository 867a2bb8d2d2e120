package dns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/registry"
)

// run is one Run.
type run struct {
	*Source

	to    registry.Listener
	all   sync.WaitGroup
	found chan finding
	room  chan struct{}

	// Owned by Run.
	lookups []config.Lookup
	names   map[string]*asked
	begun   bool  // what an earlier run knew is taken over
	extra   error // about names that are not asked for
}

// asked is one name and what is known of it.
type asked struct {
	stop   context.CancelFunc
	places []place
	bad    error
	one    place // that is used where only one is
}

// place is where an instance is; a port of 0 is the service's.
type place struct {
	address netip.Addr
	port    uint16
}

// finding is what came of asking for a name.
type finding struct {
	name   string
	by     *asked
	keeps  bool // what is known of it stays
	places []place
	bad    error
}

// reread takes up the names that there are now.
func (r *run) reread(ctx context.Context) error {
	lookups, err := r.deps.Lookups(ctx)
	if err != nil {
		return err
	}
	var former map[string][]place
	if !r.begun {
		known, err := r.deps.Known(ctx)
		if err != nil {
			return err
		}
		former = r.former(lookups, known)
	}
	r.begun, r.lookups = true, lookups
	wanted := r.wanted()
	for name, a := range r.names {
		if !wanted[name] {
			a.stop()
			delete(r.names, name)
		}
	}
	for name := range wanted {
		if r.names[name] == nil {
			own, stop := context.WithCancel(ctx)
			a := &asked{stop: stop, places: former[name]}
			had := len(a.places) > 0
			r.names[name] = a
			r.all.Go(func() { r.ask(own, name, a, had) })
		}
	}
	r.tell()
	return nil
}

// wanted are the names to ask for.
func (r *run) wanted() map[string]bool {
	out := map[string]bool{}
	r.extra = nil
	for _, l := range r.lookups {
		if !out[l.Name] && len(out) >= MaxNames {
			r.extra = fmt.Errorf("there are more than %d names: %s and others are not asked for", MaxNames, l.Name)
			return out
		}
		out[l.Name] = true
	}
	return out
}

// former are the places that registered instances tell of, by name.
func (r *run) former(lookups []config.Lookup, known []mesh.Instance) map[string][]place {
	byService := map[mesh.ServiceName][]mesh.Instance{}
	for _, i := range known {
		byService[i.Service] = append(byService[i.Service], i)
	}
	out := map[string][]place{}
	for _, l := range lookups {
		for _, i := range byService[l.Service] {
			for _, p := range []place{{i.Address.Addr(), 0}, {i.Address.Addr(), i.Address.Port()}} {
				same, ok := l.At(p.address, p.port)
				if ok && mesh.InstanceID(r.Name()+"/"+string(same.ID)) == i.ID {
					if !slices.Contains(out[l.Name], p) {
						out[l.Name] = append(out[l.Name], p)
					}
					break
				}
			}
		}
	}
	return out
}

// take takes a finding for true, unless nobody asks for the name any more.
func (r *run) take(f finding) {
	if r.names[f.name] != f.by {
		return
	}
	a := f.by
	if f.keeps {
		f.places = a.places
	}
	if slices.Equal(a.places, f.places) && text(a.bad) == text(f.bad) {
		return // most answers are what they were
	}
	a.places, a.bad = f.places, f.bad
	r.tell()
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// tell says what there is.
func (r *run) tell() {
	bad := []error{r.extra}
	for _, name := range slices.Sorted(maps.Keys(r.names)) {
		bad = append(bad, r.names[name].bad)
	}
	out := []mesh.Instance{}
	for _, l := range r.lookups {
		a := r.names[l.Name]
		if a == nil {
			continue
		}
		for _, p := range a.use(l.One) {
			if i, ok := l.At(p.address, p.port); ok {
				out = append(out, i)
			}
		}
	}
	r.to.Replace(out)
	r.to.Trouble(errors.Join(bad...))
}

// use is what of a name's places is used: all, or one, which stays as long as the answer
// has it.
func (a *asked) use(one bool) []place { //nolint:revive // the resource's own flag
	if !one || len(a.places) == 0 {
		return a.places
	}
	if !slices.Contains(a.places, a.one) {
		a.one = a.places[0]
	}
	return []place{a.one}
}
