package pool

import (
	"context"
	"fmt"
	"time"
)

// mayWait says why one more request may not wait. The lock is held.
func (p *Pool) mayWait() error {
	if p.cfg.Pending > 0 && len(p.waiting) >= p.cfg.Pending {
		return ErrOverflow
	}
	if p.cfg.Quota == nil {
		return nil
	}
	if err := p.cfg.Quota.Wait(); err != nil {
		return fmt.Errorf("%w: %w", ErrOverflow, err)
	}
	return nil
}

// await takes its turn: a connection, or (nil, nil) for the right to dial one. As long
// as others get theirs it waits; when for Patience no dial came to anything, there is no
// connection to be had.
func (p *Pool) await(ctx context.Context, wait chan *Conn) (*Conn, error) {
	late := time.NewTimer(p.cfg.Patience)
	defer late.Stop()
	if p.cfg.Patience == 0 {
		late.Stop()
	}
	for {
		select {
		case c, ok := <-wait:
			if !ok {
				return nil, ErrClosed
			}
			return c, nil
		case <-ctx.Done():
			return nil, p.waitedInVain(ctx, wait)
		case now := <-late.C:
			left := p.patience(now)
			if left <= 0 {
				p.giveUp(wait)
				return nil, ErrNoConnection
			}
			late.Reset(left)
		}
	}
}

// waitedInVain leaves the queue because ctx has ended, and says what was waited for: others'
// dials, or others' connections.
func (p *Pool) waitedInVain(ctx context.Context, wait chan *Conn) error {
	p.mu.Lock()
	limited := p.mayDial()
	p.mu.Unlock()
	p.giveUp(wait)
	if limited {
		return fmt.Errorf("%w: %w", ErrQueued, context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// patience is how long to wait on. Where it is a limit on connections that is waited for
// it does not end.
func (p *Pool) patience(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mayDial() {
		return p.cfg.Patience
	}
	return p.cfg.Patience - now.Sub(p.moved)
}

// giveUp leaves the queue, and passes on what was handed over meanwhile.
func (p *Pool) giveUp(wait chan *Conn) {
	p.mu.Lock()
	for i, w := range p.waiting {
		if w == wait {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			p.mu.Unlock()
			return
		}
	}
	p.mu.Unlock()
	if c, ok := <-wait; ok && c != nil {
		p.Put(c)
	} else if ok {
		p.dialled(false)
		p.release()
	}
}

// grant gives the first in the queue the right to dial; room for one is reserved. The
// lock is held.
func (p *Pool) grant() {
	p.dialing++
	p.waiting[0] <- nil
	p.waiting = p.waiting[1:]
}
