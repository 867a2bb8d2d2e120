package pool

import (
	"context"
	"net"
	"time"
)

// Dialer opens a connection that is ready for the first byte of a request.
type Dialer func(ctx context.Context) (net.Conn, error)

// mayDial reports whether few enough are being dialled. The lock is held.
func (p *Pool) mayDial() bool { return p.cfg.Dialling == 0 || p.dialing < p.cfg.Dialling }

func (p *Pool) dialNew(ctx context.Context) (*Conn, error) {
	nc, err := p.dial(ctx)
	p.dialled(err == nil)
	if err != nil {
		p.unreachable()
		p.release()
		return nil, err
	}
	return newConn(p, nc), nil
}

// dialled says that a dial has ended, and whether it ended well. Others may dial then.
func (p *Pool) dialled(well bool) { //nolint:revive // it is what is said
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing--
	if well {
		p.moved = time.Now()
	}
	for len(p.waiting) > 0 && p.mayDial() && p.take() {
		p.open++
		p.grant()
	}
}
