package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	lookEvery = 200 * time.Millisecond // whether the store answers
	lookTime  = 400 * time.Millisecond
	loadEvery = 50 * time.Millisecond
	stirEvery = 300 * time.Millisecond
)

// errAway sends sidecars and callers to another control plane.
var errAway = errors.New("this control plane does not reach its store")

// gate is shut while a control plane does not reach the store and another does: what it
// would tell sidecars would be old, and they would never know. While none does, as the
// store's members elect a leader, there is nowhere better to go.
type gate struct {
	mu   sync.Mutex // guards what follows
	open context.Context
	shut context.CancelFunc
}

func newGate() *gate {
	g := &gate{}
	g.open, g.shut = context.WithCancel(context.Background())
	return g
}

// pass is ctx that also ends when the gate shuts; errAway where it is.
func (g *gate) pass(ctx context.Context) (context.Context, context.CancelFunc, error) {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open.Err() != nil {
		return nil, nil, errAway
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(open, func() { cancel(errAway) })
	return ctx, func() { stop(); cancel(nil) }, nil
}

// set shuts or opens the gate, and reports whether that is news.
func (g *gate) set(open bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	is := g.open.Err() == nil
	switch {
	case is == open:
		return false
	case open:
		g.open, g.shut = context.WithCancel(context.Background())
	default:
		g.shut()
	}
	return true
}

// isOpen reports whether it lets anybody in.
func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open.Err() == nil
}

// attend opens and shuts the gate as the store comes and goes, until ctx ends.
func (p *plane) attend(ctx context.Context) {
	for {
		err := p.look(ctx)
		if err != nil && p.gate.isOpen() {
			err = p.doubt(ctx)
		}
		if ctx.Err() == nil && err == nil && p.gate.set(true) {
			p.deps.Logger.Info("the store answers again")
			p.hub.NotifyNow()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
		}
	}
}

// doubt looks once more, and shuts the gate if another control plane has better luck.
func (p *plane) doubt(ctx context.Context) error {
	elsewhere := make(chan bool, 1)
	go func() { elsewhere <- p.replicas.elsewhere(ctx) }()
	err := p.look(ctx)
	if there := <-elsewhere; err != nil && there && ctx.Err() == nil && p.gate.set(false) {
		p.deps.Logger.Warn("sidecars are sent to other control planes", "reason", err)
	}
	return err
}

// look asks the store whether it answers, and soon a second time: that one member of a
// cluster is silent says nothing of the others. It counts the other control planes, too.
func (p *plane) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	answers := make(chan error, 2)
	ask := func() {
		_, err := p.replicas.list(ctx)
		answers <- err
	}
	go ask()
	second := time.AfterFunc(lookTime/3, ask)
	err := <-answers
	if second.Stop() {
		return err
	}
	if err == nil {
		cancel() // it is answered
	}
	if other := <-answers; err != nil {
		return other
	}
	return nil
}

// atTheGate refuses calls while the gate is shut, before anything is done, and ends those
// that are under way when it shuts: they would wait for the store in vain.
func (p *plane) atTheGate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, done, err := p.gate.pass(r.Context())
		if err != nil {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintf(w, `{"status":503,"title":"Service Unavailable","detail":%q}`, err) // the caller may be gone
			return
		}
		defer done()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// progress lets streams wait for a state of the mesh that is new enough.
type progress struct {
	mu      sync.Mutex // guards what follows
	version uint64
	moved   chan struct{} // closed when version grows
	stirred time.Time
}

func newProgress() *progress { return &progress{moved: make(chan struct{})} }

func (p *progress) reach(version uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if version > p.version {
		p.version = version
		close(p.moved)
		p.moved = make(chan struct{})
	}
}

// has reports whether the version is reached.
func (p *progress) has(version uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version >= version
}

// await waits until the version is reached, having it loaded if it is not.
func (p *progress) await(ctx context.Context, version uint64, load func()) error {
	again := time.NewTicker(loadEvery)
	defer again.Stop()
	for {
		p.mu.Lock()
		at, moved := p.version, p.moved
		p.mu.Unlock()
		if at >= version {
			return nil
		}
		load()
		select {
		case <-moved:
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stir is done by one of the streams that wait, and not often: it has the store's revision
// grow past what others than the mesh have changed there, of which nobody tells.
func (p *progress) stir(now time.Time, do func()) {
	p.mu.Lock()
	due := now.Sub(p.stirred) >= stirEvery
	if due {
		p.stirred = now
	}
	p.mu.Unlock()
	if due {
		do()
	}
}
