package http2

import (
	"context"
	"sync"
	"time"
)

// streamContext ends with its stream. It costs one allocation as long as nobody waits
// for it; the context package knows AfterFunc and needs no goroutine to watch it.
type streamContext struct {
	mu    sync.Mutex // guards what follows
	done  chan struct{}
	ended bool
	calls map[*func()]struct{}
}

// Deadline implements context.Context.
func (*streamContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements context.Context.
func (*streamContext) Value(any) any { return nil }

// Err implements context.Context.
func (c *streamContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return context.Canceled
	}
	return nil
}

// Done implements context.Context.
func (c *streamContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.ended {
			close(c.done)
		}
	}
	return c.done
}

// AfterFunc calls f in its own goroutine when the context has ended. It is how
// [context.AfterFunc] and derived contexts look for the end.
func (c *streamContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		go f() // as context.AfterFunc does
		return func() bool { return false }
	}
	if c.calls == nil {
		c.calls = make(map[*func()]struct{})
	}
	c.calls[&f] = struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waiting := c.calls[&f]
		delete(c.calls, &f)
		return waiting
	}
}

func (c *streamContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	if c.done != nil {
		close(c.done)
	}
	for f := range c.calls {
		go (*f)() // as context.AfterFunc does
	}
	c.calls = nil
}
