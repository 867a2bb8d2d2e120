package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// pool lends sessions, opening them as needed up to its size.
type pool struct {
	open  func() (*conn, error)
	slots chan struct{} // one token per session that may be out

	mu   sync.Mutex // guards idle
	idle []*conn    // last used last
}

func newPool(size int, open func() (*conn, error)) *pool {
	return &pool{open: open, slots: make(chan struct{}, size)}
}

// get lends a session, best one that already has the statement's database and
// settings, and prepares it. It waits while all are out. Some settings cannot be
// taken back, so a used session that cannot be prepared gives way to a new one.
func (p *pool) get(ctx context.Context, s *Statement) (*conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free session: %w", context.Cause(ctx))
	}
	if c := p.take(s); c != nil {
		if c.prepare(s) == nil {
			return c, nil
		}
		c.close()
	}
	c, err := p.open()
	if err != nil {
		<-p.slots
		return nil, err
	}
	if err := c.prepare(s); err != nil {
		p.put(c)
		return nil, err
	}
	return c, nil
}

func (p *pool) take(s *Statement) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	at := slices.IndexFunc(p.idle, func(c *conn) bool {
		return c.database == cmp.Or(s.Database, defaultDatabase) && maps.Equal(c.settings, s.Settings)
	})
	if at < 0 {
		at = len(p.idle) - 1
	}
	c := p.idle[at]
	p.idle = slices.Delete(p.idle, at, at+1)
	return c
}

// put takes a session back. One whose state is not known is closed instead of kept.
func (p *pool) put(c *conn) {
	if c.tainted {
		c.close()
	} else {
		p.mu.Lock()
		p.idle = append(p.idle, c)
		p.mu.Unlock()
	}
	<-p.slots
}

// close waits until every session is back, closes them all and lends no more.
func (p *pool) close(ctx context.Context) error {
	for range cap(p.slots) {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("close sessions: %w", context.Cause(ctx))
		}
	}
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
	return nil
}
