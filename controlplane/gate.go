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
	lookEvery = 500 * time.Millisecond // whether the store answers
	lookTime  = time.Second
	missed    = 2 // looks, until the store is taken for away
	loadEvery = 50 * time.Millisecond
	stirEvery = 300 * time.Millisecond
)

// errAway sends sidecars and callers to another control plane.
var errAway = errors.New("this control plane does not reach its store")

// gate is shut while a control plane does not reach the store and there are others:
// what it would tell sidecars would be old, and they would never know.
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

// attend opens and shuts the gate as the store comes and goes, until ctx ends.
func (p *plane) attend(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for fails := 0; ; {
		look, cancel := context.WithTimeout(ctx, lookTime)
		_, err := p.replicas.list(look) // counts the others, too
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			fails = 0
			if p.gate.set(true) {
				p.deps.Logger.Info("the store answers again")
				p.hub.NotifyNow()
			}
		default:
			fails++
			if fails >= missed && !p.replicas.alone() && p.gate.set(false) {
				p.deps.Logger.Warn("sidecars are sent to other control planes", "reason", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// atTheGate refuses calls while the gate is shut, before anything is done.
func (p *plane) atTheGate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, done, err := p.gate.pass(r.Context())
		if err != nil {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintf(w, `{"status":503,"title":"Service Unavailable","detail":%q}`, err) // the caller may be gone
			return
		}
		done()
		next.ServeHTTP(w, r)
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
