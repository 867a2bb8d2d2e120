package restart

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/handover"
)

// Config says how the next process of a sidecar is started.
type Config struct {
	// Dir is the state directory; the socket for requests is in it.
	Dir string
	// Program and Args start a sidecar like this one, without its app. A request may name
	// another program, and add arguments.
	Program string
	Args    []string
	// Patience is how long a new process may take until it carries requests. 0 is 30 s.
	Patience time.Duration
	// Drain is how long a process that was replaced may finish what it has; it is killed
	// well after that. 0 is 30 s.
	Drain  time.Duration
	Logger *slog.Logger
}

// Supervisor is a sidecar that can be replaced while it runs. To the app it is the one
// sidecar: what the app's life means for it goes to whichever process is at it. Use
// New; run Run once.
type Supervisor struct {
	cfg   Config
	first Sidecar

	replacing sync.Mutex // held during a restart
	args      []string   // of the process at it; guarded by replacing
	program   string
	estate    *handover.Estate // for every heir; nil before the first

	mu      sync.Mutex // guards what follows
	current generation
	state   mesh.InstanceState
	leaving bool
	changed chan struct{} // closed and replaced with every new generation

	past errgroup.Group // generations that were replaced and finish what they have
}

// lastWords is how long a process may take beyond its drain time, for its telemetry.
const lastWords = 15 * time.Second

// New supervises a sidecar that has not been run.
func New(cfg Config, first Sidecar) *Supervisor {
	if cfg.Patience == 0 {
		cfg.Patience = 30 * time.Second
	}
	if cfg.Drain == 0 {
		cfg.Drain = 30 * time.Second
	}
	return &Supervisor{
		cfg: cfg, first: first, program: cfg.Program, args: cfg.Args,
		state: mesh.Starting, changed: make(chan struct{}),
	}
}

// Ready is closed once requests can be carried.
func (s *Supervisor) Ready() <-chan struct{} { return s.first.Ready() }

// SetState tells the mesh whether the app takes requests. Only after Ready.
func (s *Supervisor) SetState(state mesh.InstanceState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
	if s.current != nil {
		s.current.setState(state)
	}
}

// DrainInbound takes no more requests for the app and waits for those under way.
func (s *Supervisor) DrainInbound() {
	s.mu.Lock()
	s.leaving = true
	at := s.current
	s.mu.Unlock()
	if at != nil {
		at.drainInbound()
	}
}

// Run carries requests until ctx ends or a generation ends by itself, and waits for
// those that were replaced.
func (s *Supervisor) Run(ctx context.Context) error {
	first, err := newLocal(context.WithoutCancel(ctx), s.first)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.current = first
	s.mu.Unlock()
	alive, stop := context.WithCancel(ctx)
	defer stop()
	var g errgroup.Group
	g.Go(func() error { return s.serve(alive) })
	err = s.tend(ctx)
	s.mu.Lock()
	s.leaving = true // no more restarts
	s.mu.Unlock()
	stop()
	err = errors.Join(err, g.Wait(), s.past.Wait())
	if s.estate != nil {
		err = errors.Join(err, s.estate.Close())
	}
	return err
}

// Kill ends what was started at once.
func (s *Supervisor) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = true
	if s.current != nil {
		s.current.kill()
	}
}

// errLeaving refuses a restart of a sidecar that is about to end.
var errLeaving = errors.New("the sidecar drains, or has never been ready")

// Restart replaces the process that is at it and returns when the new one carries
// requests. When that does not work everything is as before.
func (s *Supervisor) Restart(ctx context.Context, r Request) error {
	s.replacing.Lock()
	defer s.replacing.Unlock()
	if r.Program == "" {
		r.Program = s.program
	}
	flags := append(slices.Clone(s.args), r.Args...)
	s.mu.Lock()
	old, state := s.current, s.state
	refused := s.leaving || old == nil || old.leaving()
	s.mu.Unlock()
	if refused || !s.isReady() {
		return errLeaving
	}
	heir, err := s.spawn(ctx, Request{Program: r.Program, Args: flags}, old, state)
	if err != nil {
		return err
	}
	if !s.adopt(old, heir) {
		heir.end()
		<-heir.ended()
		return errLeaving
	}
	s.program, s.args = r.Program, flags
	s.cfg.Logger.Info("restarted", "program", r.Program, "process", heir.cmd.Process.Pid)
	return s.retire(old)
}

// tend waits for the end of the generation that is at it.
func (s *Supervisor) tend(ctx context.Context) error {
	for {
		s.mu.Lock()
		at, changed := s.current, s.changed
		s.mu.Unlock()
		select {
		case <-at.ended():
			s.mu.Lock()
			replaced := s.current != at
			s.mu.Unlock()
			if !replaced {
				return at.err()
			}
		case <-changed:
		case <-ctx.Done():
			return s.finish()
		}
	}
}

// finish ends the generation that is at it, and no restart can follow.
func (s *Supervisor) finish() error {
	s.mu.Lock()
	s.leaving = true
	at := s.current
	s.mu.Unlock()
	at.end()
	<-at.ended()
	return at.err()
}

func (s *Supervisor) isReady() bool {
	select {
	case <-s.first.Ready():
		return true
	default:
		return false
	}
}

// spawn is called with replacing held.
func (s *Supervisor) spawn(ctx context.Context, r Request, old generation, state mesh.InstanceState) (*child, error) {
	if s.estate == nil { // the first process is still the sidecar
		var err error
		if s.estate, err = s.first.Estate(); err != nil {
			return nil, err
		}
	}
	e := *s.estate
	e.Will.State, e.Take = state, old.toHeir()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Patience)
	defer cancel()
	return spawn(ctx, r, &e)
}

// adopt makes heir the one at it, unless the sidecar is to end by now.
func (s *Supervisor) adopt(old generation, heir *child) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving || old.leaving() {
		return false
	}
	s.current = heir
	heir.setState(s.state)
	close(s.changed)
	s.changed = make(chan struct{})
	return true
}

// retire has a generation finish what it has, and sees to it that it ends.
func (s *Supervisor) retire(old generation) error {
	err := old.yield(s.estate.Will.Listeners)
	s.past.Go(func() error {
		late := time.AfterFunc(s.cfg.Drain+lastWords, old.kill)
		defer late.Stop()
		<-old.ended()
		debug.FreeOSMemory() // of the first generation next to nothing is needed any more
		if err := errors.Join(old.err(), old.toHeir().Close()); err != nil {
			s.cfg.Logger.Warn("the process that was replaced did not end well", "error", err)
		}
		return nil
	})
	if err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("have the old process hand over: %w", err)
	}
	return nil
}
