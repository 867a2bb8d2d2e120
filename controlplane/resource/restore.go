package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Restore brings the configuration back to how it stood after the change of that
// number, as one change: what came since is undone. A dry run says what that would do,
// and whether the store would do it. The findings are as Apply's.
func (k *Keeper) Restore(ctx context.Context, number uint64, by string, dryRun bool) (mesh.Restoration, error) {
	out := mesh.Restoration{To: number, Changes: []mesh.ChangedResource{}, Findings: []mesh.Finding{}}
	findings, err := k.change(ctx, dryRun, func(now stored) (c Change, err error) {
		c, out.Changes, err = k.backTo(ctx, number, by, now)
		return c, err
	})
	if bad, ok := errors.AsType[*config.Error](err); ok && len(findings) == 0 { // as it was it is refused today
		findings = bad.Findings
	}
	out.Findings = append(out.Findings, inDiff(findings)...)
	return out, err
}

// inDiff are findings with the file that a resource is in the diff of a change.
func inDiff(findings []mesh.Finding) []mesh.Finding {
	out := slices.Clone(findings)
	for i, f := range out {
		if kind, rest, ok := strings.Cut(f.Resource, " "); ok && f.Line > 0 {
			out[i].File = kind + "/" + rest
		}
	}
	return out
}

// stateAfter is how each resource that changed since stood after a change; empty is not
// there.
func (k *Keeper) stateAfter(ctx context.Context, number uint64) (map[Ref]string, error) {
	was := map[Ref]string{}
	newest, oldest, found, unread := uint64(0), uint64(0), false, mesh.Change{}
	err := k.backwards(ctx, 0, func(c mesh.Change) bool {
		newest, oldest = max(newest, c.Number), c.Number
		if found = c.Number == number; found {
			return false
		}
		if c.Unreadable != "" {
			unread = c
			return false
		}
		for _, r := range c.Resources {
			was[Ref{r.Kind, r.Namespace, r.Name}] = r.Before
		}
		return c.Number > number
	})
	switch {
	case err != nil:
		return nil, err
	case unread.Unreadable != "":
		return nil, fmt.Errorf("%w: change %d, which came since, cannot be read, so that nobody knows what it changed: %s", ErrRefused, unread.Number, unread.Unreadable)
	case found, number == 0 && oldest == 1: // before the first there was nothing
		return was, nil
	case oldest == 0:
		return nil, errNoChange
	case number > newest:
		return nil, fmt.Errorf("%w: %d; the newest is %d", ErrNoSuchChange, number, newest)
	}
	return nil, fmt.Errorf("%w: %d; the oldest that is kept is %d", ErrNoSuchChange, number, oldest)
}

// backTo is the change that makes of now what was after a change, and what it does.
func (k *Keeper) backTo(ctx context.Context, number uint64, by string, now stored) (Change, []mesh.ChangedResource, error) {
	c := Change{By: by, Kind: mesh.EventConfig, Verb: "restored", Summary: fmt.Sprintf("restored the configuration of change %d", number)}
	changes := []mesh.ChangedResource{}
	was, err := k.stateAfter(ctx, number)
	if err != nil {
		return c, changes, err
	}
	for _, r := range slices.SortedFunc(maps.Keys(was), Ref.compare) {
		before, after := now.sources[r], was[r]
		if before == after {
			continue
		}
		changes = append(changes, mesh.ChangedResource{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, Before: before, After: after}.Told())
		if after == "" {
			c.Remove = append(c.Remove, r)
			continue
		}
		objects, err := config.Parse([]byte(after))
		if err != nil {
			return c, changes, fmt.Errorf("%w: %s as it was: %w", ErrRefused, r, err)
		}
		c.Put = append(c.Put, objects...)
	}
	return c, changes, nil
}
