package serve

import (
	"crypto/tls"
	"sync"

	"github.com/sightline-mesh/sightline/proxy/listen"
)

// peers are the connections whose other ends have proved who they are.
type peers struct {
	mu  sync.Mutex // guards what follows
	all map[*tls.Conn]*listen.Conn
}

func (p *peers) join(t *tls.Conn, c *listen.Conn) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = make(map[*tls.Conn]*listen.Conn)
	}
	p.all[t] = c
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.all, t)
	}
}

// Retire has connections that Proved was told of end as in a drain: requests under way are
// finished, and no others begin. For the others, and for streams, it is for the caller to
// end them in time. It leaves alone what is not its own.
func (in *Inbound) Retire(all []*tls.Conn) {
	retiring := make([]*listen.Conn, 0, len(all))
	in.peers.mu.Lock()
	for _, t := range all {
		if c := in.peers.all[t]; c != nil {
			retiring = append(retiring, c)
		}
	}
	in.peers.mu.Unlock()
	for _, c := range retiring {
		c.Retire()
	}
}
