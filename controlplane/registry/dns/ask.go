package dns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ask asks for a name until ctx ends. had says that it had addresses once.
func (r *run) ask(ctx context.Context, name string, a *asked, had bool) {
	wait, denied := again, false
	for {
		places, life, err := r.find(ctx, name)
		f := finding{name: name, by: a, places: places}
		next := min(max(life, shortest), longest)
		switch {
		case err != nil:
			f.keeps, f.bad = true, err
			next, wait = wait, min(2*wait, againMost)
		case len(places) > 0:
			wait, had, denied = again, true, false
			if f.places = places[:min(len(places), MaxAddresses)]; len(places) > MaxAddresses {
				f.bad = fmt.Errorf("%s has %d addresses; %d are used", name, len(places), MaxAddresses)
			}
		case had && !denied:
			f.keeps, f.bad = true, fmt.Errorf("%s has no address any more; it is asked for once more", name)
			denied, next = true, shortest
		default:
			f.bad, wait, had = fmt.Errorf("%s has no address", name), again, false
		}
		if !r.report(ctx, f) || !sleep(ctx, next) {
			return
		}
	}
}

func (r *run) report(ctx context.Context, f finding) bool {
	select {
	case r.found <- f:
		return true
	case <-ctx.Done():
		return false
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// find is where a name leads, and for how long that holds.
func (r *run) find(ctx context.Context, name string) ([]place, time.Duration, error) {
	select {
	case r.room <- struct{}{}:
		defer func() { <-r.room }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if strings.HasPrefix(name, "_") {
		return r.servers(ctx, name)
	}
	return r.addresses(ctx, name, 0)
}

// addresses are those of IPv4, or else of IPv6, each with the port.
func (r *run) addresses(ctx context.Context, name string, port uint16) ([]place, time.Duration, error) {
	a, err := r.deps.Resolver.Resolve(ctx, name, A)
	if err == nil && len(a.Addresses) == 0 {
		a, err = r.deps.Resolver.Resolve(ctx, name, AAAA)
	}
	if err != nil {
		return nil, 0, err
	}
	out := make([]place, len(a.Addresses))
	for i, at := range a.Addresses {
		out[i] = place{at, port}
	}
	return out, a.Life, nil
}

// servers are the addresses of those servers that a name of services prefers. Where one
// of them cannot be asked for, nothing is known of all.
func (r *run) servers(ctx context.Context, name string) ([]place, time.Duration, error) {
	all, err := r.deps.Resolver.Resolve(ctx, name, SRV)
	if err != nil || len(all.Servers) == 0 {
		return nil, all.Life, err
	}
	best := slices.MinFunc(all.Servers, func(a, b Server) int { return int(a.Priority) - int(b.Priority) }).Priority
	var out []place
	var bad []error
	life := all.Life
	for i, s := range all.Servers {
		if s.Priority != best || i >= MaxAddresses {
			continue
		}
		places, own, err := r.addresses(ctx, s.Name, s.Port)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		out, life = append(out, places...), min(life, own)
	}
	return out, life, errors.Join(bad...)
}
