package remedy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Errors that say what was wrong with a call.
var (
	ErrUnknownVerdict = errors.New("no such verdict is in force")
	ErrUnknownTarget  = errors.New("no such target is registered")
	ErrAlreadyTripped = errors.New("a verdict is in force on the target already")
	// ErrNotLeading refuses observations where another control plane decides on them.
	ErrNotLeading = errors.New("another control plane decides")
	// ErrChanged is what a Journal returns when verdicts were changed since they were
	// loaded, or who saves must not any more.
	ErrChanged = errors.New("verdicts were changed by someone else meanwhile")
)

// tick is how often time alone is looked at.
const tick = 500 * time.Millisecond

const tries = 5 // at a step, when others change verdicts at the same time

// Journal keeps what was decided.
type Journal interface {
	// Load returns the verdicts in force, and what they are the state of.
	Load(ctx context.Context) (verdicts []mesh.Verdict, revision int64, err error)
	// Save stores verdicts that are new or have changed, removes those that are
	// released, and appends events, all or nothing, if no verdict was changed since the
	// revision; else the error is ErrChanged. Events get their ids here.
	Save(ctx context.Context, revision int64, verdicts []mesh.Verdict, events []mesh.Event) error
}

// Deps is what remedy works with.
type Deps struct {
	Journal   Journal // of what people decide
	Instances func(ctx context.Context) ([]mesh.Instance, error)
	// Snapshots returns what sidecars are sent now; nil for not to look at routes.
	Snapshots func() map[mesh.ServiceName]mesh.Snapshot
	Logger    *slog.Logger
}

// Remedy is the loop around Decide. Of several control planes one runs it at a time; what
// people decide each of them takes. Its methods may be called from any goroutine; they
// wait for the journal.
type Remedy struct {
	config Config
	deps   Deps

	mu    sync.Mutex // guards what follows, and the order of what is saved
	term  Journal    // of what is decided here without a person; nil while this one does not lead
	state State
}

// New prepares a remedy; Run makes it decide by itself.
func New(c Config, d Deps) (*Remedy, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("remedy: %w", err)
	}
	return &Remedy{config: c, deps: d}, nil
}

// Run moves verdicts along by time, and takes observations, until ctx ends. What it
// decides it saves to j, which must refuse it once another control plane leads. A journal
// that is away is waited for; its first error of a row is logged.
func (r *Remedy) Run(ctx context.Context, j Journal) error {
	r.lead(j)
	defer r.lead(nil)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	failing := false
	for {
		err := r.decide(ctx, Input{})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !failing {
			r.deps.Logger.Warn("verdicts stand still", "reason", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Report takes what a look has seen, which may be nothing. The error is ErrNotLeading
// where another control plane is to be told.
func (r *Remedy) Report(ctx context.Context, seen []mesh.Observation) error {
	in := Input{Looked: true, Seen: seen}
	for _, o := range seen {
		if o.Anomaly == nil {
			continue
		}
		var err error
		if in.Instances, err = r.deps.Instances(ctx); err != nil {
			return fmt.Errorf("decide on %d observations: %w", len(seen), err)
		}
		if r.deps.Snapshots != nil {
			in.Snapshots = r.deps.Snapshots()
		}
		break
	}
	return r.decide(ctx, in)
}

// Verdicts are those in force, sorted by id.
func (r *Remedy) Verdicts(ctx context.Context) ([]mesh.Verdict, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.load(ctx, r.deps.Journal); err != nil {
		return nil, err
	}
	return r.state.Verdicts(), nil
}

func (r *Remedy) lead(j Journal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.term = j
}

func (r *Remedy) decide(ctx context.Context, in Input) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.term == nil {
		return ErrNotLeading
	}
	return r.change(ctx, r.term, func(s State) (State, Outcome, error) {
		in.Now = time.Now().UTC()
		next, out := Decide(r.config, s, in)
		return next, out, nil
	})
}

// byHand makes a step on a person's word.
func (r *Remedy) byHand(ctx context.Context, step func(State) (State, Outcome, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.change(ctx, r.deps.Journal, step)
}

// change makes one step on top of what is in force, again if someone else was faster:
// nothing is remembered that was not saved. The caller holds mu.
func (r *Remedy) change(ctx context.Context, j Journal, step func(State) (State, Outcome, error)) error {
	err := ErrChanged
	for n := 0; n < tries && errors.Is(err, ErrChanged); n++ {
		err = r.changeOnce(ctx, j, step)
	}
	return err
}

func (r *Remedy) changeOnce(ctx context.Context, j Journal, step func(State) (State, Outcome, error)) error {
	revision, err := r.load(ctx, j)
	if err != nil {
		return err
	}
	next, out, err := step(r.state)
	if err != nil {
		return err
	}
	if len(out.Verdicts)+len(out.Events) > 0 {
		if err := j.Save(ctx, revision, out.Verdicts, out.Events); err != nil {
			return fmt.Errorf("save %d verdicts: %w", len(out.Verdicts), err)
		}
	}
	r.state = next
	return nil
}

// load brings what is remembered to what is in force: people may have changed it at
// another control plane. The caller holds mu.
func (r *Remedy) load(ctx context.Context, j Journal) (int64, error) {
	verdicts, revision, err := j.Load(ctx)
	if err != nil {
		return 0, fmt.Errorf("load verdicts: %w", err)
	}
	r.state = r.state.adopt(verdicts, time.Now().UTC(), r.config.ManualCooldown)
	return revision, nil
}
