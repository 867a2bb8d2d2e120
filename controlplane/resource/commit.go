package resource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const auditedBytes = 16 << 10 // of a manifest before and after, in an event

// Change is a change of the configuration that is made as a whole.
type Change struct {
	By     string
	Put    []config.Object
	Remove []Ref
	Kind   mesh.EventKind
	// Verb begins the event of each resource: "applied". With a Summary there is one
	// event instead, about Target, whatever number of resources it took.
	Verb    string
	Summary string
	Target  mesh.ServiceName
	// With is stored in the same step.
	With []store.Op
}

// Commit makes the change that plan asks for on top of what is there. plan runs
// again, on the newer state, when someone else was faster.
func (k *Keeper) Commit(ctx context.Context, plan func(now []config.Object) (Change, error)) ([]mesh.Finding, error) {
	return k.commit(ctx, func(now stored) (Change, error) { return plan(now.objects) })
}

func (k *Keeper) commit(ctx context.Context, plan func(now stored) (Change, error)) ([]mesh.Finding, error) {
	k.changes.Lock()
	defer k.changes.Unlock()
	for range tries {
		before, err := k.stored(ctx)
		if err != nil {
			return nil, err
		}
		c, err := plan(before)
		if err != nil {
			return nil, err
		}
		findings, err := k.validate(ctx, before, c)
		if err != nil {
			return findings, err
		}
		edits := c.edits(before)
		if len(edits) == 0 {
			return findings, nil
		}
		err = k.store(ctx, before.revision, c, edits, findings)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("change configuration: %w", err)
		}
		return findings, nil
	}
	return nil, fmt.Errorf("change configuration: %w", store.ErrConflict)
}

// store makes a change, in one step, of what was there at a revision; store.ErrConflict
// where somebody was faster.
func (k *Keeper) store(ctx context.Context, revision int64, c Change, edits []edit, findings []mesh.Finding) error {
	r, isNext, err := k.remember(ctx, c, edits)
	if err != nil {
		return err
	}
	guards := []store.Guard{k.table.UnmarkedSince(revision), k.table.UnchangedSince(revision), isNext}
	if err := k.deps.Store.CommitLarge(ctx, guards, append(k.ops(c, edits, findings), k.record(r), k.table.Mark())...); err != nil {
		return splittable(err)
	}
	k.untrimmed += len(r.Packed)
	k.trim(ctx, r.Number)
	return nil
}

// rehearse finds out whether the store would take a change.
func (k *Keeper) rehearse(ctx context.Context, c Change, edits []edit, findings []mesh.Finding) error {
	r, _, err := k.remember(ctx, c, edits)
	if err != nil {
		return err
	}
	ops := append(k.ops(c, edits, findings), k.record(r), k.table.Mark())
	if store.Small(ops) {
		return nil // which spares the store the work
	}
	return splittable(k.deps.Store.Rehearse(ctx, ops...))
}

// splittable says what to do about a change that is too much.
func splittable(err error) error {
	if errors.Is(err, store.ErrTooMuch) {
		return fmt.Errorf("%w; make it in parts that are right by themselves, or go back by fewer changes at a time", err)
	}
	return err
}

// change makes the change of a plan, or only says what there is to say of it.
func (k *Keeper) change(ctx context.Context, dryRun bool, plan func(now stored) (Change, error)) ([]mesh.Finding, error) { //nolint:revive // the flag is the API's own
	if !dryRun {
		return k.commit(ctx, plan)
	}
	now, err := k.stored(ctx)
	if err != nil {
		return nil, err
	}
	c, err := plan(now)
	if err != nil {
		return nil, err
	}
	findings, err := k.validate(ctx, now, c)
	if err != nil {
		return findings, err
	}
	if err := k.rehearse(ctx, c, c.edits(now), findings); err != nil {
		return nil, fmt.Errorf("change configuration: %w", err)
	}
	return findings, nil
}

func errorsOf(findings []mesh.Finding) []mesh.Finding {
	var out []mesh.Finding
	for _, f := range findings {
		if f.Severity == config.SeverityError {
			out = append(out, f)
		}
	}
	return out
}

// after is the configuration with the change made.
func after(before []config.Object, c Change) []config.Object {
	gone := map[Ref]bool{}
	for _, r := range c.Remove {
		gone[r] = true
	}
	for _, o := range c.Put {
		gone[RefOf(o)] = true
	}
	var out []config.Object
	for _, o := range before {
		if !gone[RefOf(o)] {
			out = append(out, o)
		}
	}
	return append(out, c.Put...)
}

// edit is what a change does to one resource.
type edit struct {
	object        config.Object // of one that cannot be read it is the name alone
	before, after []byte        // nil where it is not there
}

// edits are what a change does, without what is so already.
func (c Change) edits(before stored) []edit {
	var out []edit
	for _, o := range c.Put {
		next := o.Unversioned()
		if was := before.sources[RefOf(o)]; was != string(next) {
			out = append(out, edit{o, source(was), next})
		}
	}
	gone := map[Ref]config.Object{}
	for _, o := range before.objects {
		gone[RefOf(o)] = o
	}
	for _, r := range c.Remove {
		was := before.sources[r]
		if was == "" {
			continue
		}
		o, ok := gone[r]
		if !ok {
			o = config.Object{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
		}
		out = append(out, edit{o, source(was), nil})
	}
	return out
}

// source is a manifest, nil for none.
func source(manifest string) []byte {
	if manifest == "" {
		return nil
	}
	return []byte(manifest)
}

// warningsOf are the warnings about an object, with the lines of its manifest as it is
// stored.
func warningsOf(o config.Object, manifest []byte, findings []mesh.Finding) []mesh.Finding {
	var out []mesh.Finding
	for _, f := range findings {
		if f.Resource == o.Key() && f.Severity == config.SeverityWarning {
			f.Line = 0
			out = append(out, f)
		}
	}
	if o.Line > 0 {
		o.Source, o.Line = manifest, 1
	}
	return config.Locate(out, []config.Object{o})
}

// trim removes what is older than is kept. The change before it is made whatever becomes
// of that, so a failure is only logged: the next trim removes the more.
func (k *Keeper) trim(ctx context.Context, number uint64) {
	k.deps.Events.Trim(ctx)
	if number%trimEvery != 0 && k.untrimmed < trimBytes {
		return
	}
	k.untrimmed = 0
	if err := k.trimHistory(ctx); err != nil {
		k.deps.Logger.Warn("changes that are too old for the history are still there", "reason", err)
	}
}

// ops stores what differs, with the events that tell of it.
func (k *Keeper) ops(c Change, edits []edit, findings []mesh.Finding) []store.Op {
	now := k.now().UTC()
	var ops []store.Op
	for _, e := range edits {
		o := e.object
		if e.after == nil {
			ops = append(ops, k.table.Delete(RefOf(o).key()))
			continue
		}
		ops = append(ops, k.table.Put(RefOf(o).key(), mesh.Resource{
			Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Changed: now, By: c.By, Manifest: string(e.after),
			Findings: warningsOf(o, e.after, findings),
		}))
	}
	for _, e := range c.audit(edits) {
		ops = append(ops, k.deps.Events.Op(e))
	}
	return append(ops, c.With...)
}

// audit is what the timeline tells of a change.
func (c Change) audit(edits []edit) []mesh.Event {
	if c.Summary != "" {
		return []mesh.Event{c.event(c.Summary, c.Target, edits...)}
	}
	var out []mesh.Event
	for _, e := range edits {
		var about mesh.ServiceName
		if hosts := e.object.Hosts(); len(hosts) > 0 {
			about = hosts[0]
		}
		out = append(out, c.event(c.Verb+" "+e.object.Key(), about, e))
	}
	return out
}

func (c Change) event(summary string, about mesh.ServiceName, edits ...edit) mesh.Event {
	var keys []string
	var before, after [][]byte
	for _, e := range edits {
		keys = append(keys, e.object.Key())
		if e.before != nil {
			before = append(before, e.before)
		}
		if e.after != nil {
			after = append(after, e.after)
		}
	}
	return mesh.Event{
		Kind: c.Kind, Target: mesh.Target{Service: about}, Summary: summary, By: c.By,
		Detail: map[string]string{
			"resource": strings.Join(keys, ", "),
			"before":   excerpt(manifest(before)),
			"after":    excerpt(manifest(after)),
		},
	}
}

// manifest is several resources as people write them in one file.
func manifest(sources [][]byte) []byte {
	return bytes.Join(sources, []byte("\n---\n"))
}

func excerpt(manifest []byte) string {
	if len(manifest) > auditedBytes {
		return strings.ToValidUTF8(string(manifest[:auditedBytes]), "") + "\n# …"
	}
	return string(manifest)
}
