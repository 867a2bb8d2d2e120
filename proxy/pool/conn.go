package pool

import (
	"net"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/socket"
)

// Conn is a connection with its codec. It belongs to whom Get gave it until Put or
// Discard.
type Conn struct {
	net.Conn
	In  http1.Reader
	Out http1.Writer

	// Reused is whether an earlier request went over it.
	Reused bool
	// Waited is how long Get took where none was there at once: in the queue, and until
	// it was dialled.
	Waited time.Duration
	// Deadline is whether one is set, so that Put has to clear it.
	Deadline bool

	pool    *Pool
	born    time.Time
	carried int       // requests
	since   time.Time // idle since
	seen    time.Time // idle, and the peer still there; by the pool's sweep
	socket  *socket.Socket
}

func newConn(p *Pool, nc net.Conn) *Conn {
	c := &Conn{Conn: nc, pool: p, born: time.Now(), socket: socket.Of(nc)}
	c.In.Reset(nc)
	c.Out.Reset(nc)
	return c
}

// Pool is where the connection goes back to.
func (c *Conn) Pool() *Pool { return c.pool }

// Discard closes the connection instead of giving it back.
func (c *Conn) Discard() {
	c.In.Close()
	c.Out.Close()
	c.Close()
	c.pool.release()
}

// alive reports whether an idle connection can carry another request.
func (c *Conn) alive(limit time.Duration) bool {
	return (limit == 0 || time.Since(c.since) < limit) && c.socket.Quiet()
}
