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
)

// tick is how often time alone is looked at.
const tick = 500 * time.Millisecond

// Journal keeps what was decided.
type Journal interface {
	// Load returns the verdicts in force.
	Load(ctx context.Context) ([]mesh.Verdict, error)
	// Save stores verdicts that are new or have changed, removes those that are
	// released, and appends events, all or nothing. Events get their ids here.
	Save(ctx context.Context, verdicts []mesh.Verdict, events []mesh.Event) error
}

// Deps is what remedy works with.
type Deps struct {
	Journal   Journal
	Instances func(ctx context.Context) ([]mesh.Instance, error)
	// Snapshots returns what sidecars are sent now; nil for not to look at routes.
	Snapshots func() map[mesh.ServiceName]mesh.Snapshot
	Logger    *slog.Logger
}

// Remedy is the loop around Decide. Its methods may be called from any goroutine;
// they wait for the journal.
type Remedy struct {
	config Config
	deps   Deps

	mu     sync.Mutex // guards what follows, and the order of what is saved
	loaded bool
	state  State
}

// New prepares a remedy; Run makes it keep time.
func New(c Config, d Deps) (*Remedy, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("remedy: %w", err)
	}
	return &Remedy{config: c, deps: d}, nil
}

// Run moves verdicts along by time until ctx ends. A journal that is away is waited
// for; its first error of a row is logged.
func (r *Remedy) Run(ctx context.Context) error {
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

// Report takes what a look has seen, which may be nothing.
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
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	return r.state.Verdicts(), nil
}

func (r *Remedy) decide(ctx context.Context, in Input) error {
	return r.change(ctx, func(s State) (State, Outcome, error) {
		in.Now = time.Now().UTC()
		next, out := Decide(r.config, s, in)
		return next, out, nil
	})
}

// change makes one step: nothing is remembered that was not saved.
func (r *Remedy) change(ctx context.Context, step func(State) (State, Outcome, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx); err != nil {
		return err
	}
	next, out, err := step(r.state)
	if err != nil {
		return err
	}
	if len(out.Verdicts)+len(out.Events) > 0 {
		if err := r.deps.Journal.Save(ctx, out.Verdicts, out.Events); err != nil {
			return fmt.Errorf("save %d verdicts: %w", len(out.Verdicts), err)
		}
	}
	r.state = next
	return nil
}

// load reads the verdicts in force once. The caller holds mu.
func (r *Remedy) load(ctx context.Context) error {
	if r.loaded {
		return nil
	}
	verdicts, err := r.deps.Journal.Load(ctx)
	if err != nil {
		return fmt.Errorf("load verdicts: %w", err)
	}
	r.state, r.loaded = Resume(verdicts, time.Now().UTC()), true
	return nil
}
