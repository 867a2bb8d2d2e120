package serve

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// errStalled is an exchange that moved no byte for too long.
var errStalled = errors.New("no byte moved for too long")

// quarters is how often, in the time that an exchange may be idle, it is looked at.
const quarters = 4

// The states of a connection as its watch sees them.
const (
	between int32 = iota // exchanges
	within               // one
	stalled              // one that was ended
)

// watch ends exchanges of an HTTP/1.1 connection that move no byte. It has one timer
// for the connection, and costs an exchange a few atomic writes.
type watch struct {
	every time.Duration // a quarter of what is allowed; 0 is no watch
	end   func()        // called when an exchange has stalled
	state atomic.Int32
	moved atomic.Uint32 // counts pieces
	armed atomic.Bool

	mu    sync.Mutex // guards timer
	timer *time.Timer

	// Owned by look.
	seen  uint32
	quiet int
}

// begin begins an exchange.
func (w *watch) begin() {
	if w.every == 0 {
		return
	}
	w.moved.Add(1)
	w.state.Store(within)
	w.arm()
}

// finish ends it, and reports whether it had stalled.
func (w *watch) finish() bool {
	return w.every != 0 && w.state.Swap(between) == stalled
}

// leave ends the watch over an exchange that goes on as something else.
func (w *watch) leave() { w.state.CompareAndSwap(within, between) }

// stop ends the watch with its connection.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *watch) arm() {
	if w.armed.Swap(true) {
		return
	}
	w.rearm()
}

func (w *watch) rearm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		w.timer = time.AfterFunc(w.every, w.look)
		return
	}
	w.timer.Reset(w.every)
}

// look is the timer's.
func (w *watch) look() {
	moved := w.moved.Load()
	switch {
	case w.state.Load() != within:
		w.armed.Store(false)
		if w.state.Load() == within { // it began just now
			w.arm()
		}
		return
	case moved != w.seen:
		w.seen, w.quiet = moved, 0
	default:
		if w.quiet++; w.quiet == quarters && w.state.CompareAndSwap(within, stalled) {
			w.end()
			return
		}
	}
	w.rearm()
}
