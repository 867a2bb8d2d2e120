package http2

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/net/http2"
)

// clientConn is a connection to the client's peer.
type clientConn struct {
	conn
	client  *Client
	greeted chan struct{} // closed when the peer's SETTINGS have come, or the connection has ended
	done    chan struct{} // closed when the reader has returned

	// Guarded by the connection's lock.
	next    uint32 // number of the next stream
	born    time.Time
	unused  time.Time
	was     bool // streams were refused because the connection is full
	endedBy error
	leaving bool
}

func (c *Client) newConn(nc net.Conn) *clientConn {
	cc := &clientConn{client: c, greeted: make(chan struct{}), done: make(chan struct{}), next: 1, unused: time.Now(), born: time.Now()}
	cc.init(nc, cc)
	cc.clock = c.cfg.KeepAlive > 0
	return cc
}

// begin sends the preface and starts to read.
func (c *clientConn) begin() {
	c.mu.Lock()
	c.out = buffers.appendTo(c.out, []byte(http2.ClientPreface))
	c.mu.Unlock()
	c.hello(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHeadBytes},
	)
	go func() { // whoever closes an idle connection waits for it
		defer close(c.done)
		c.flush()
		c.ended(c.run())
	}()
}

// ended says why the connection has, and forgets it.
func (c *clientConn) ended(err error) {
	c.nc.Close()
	c.client.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endedBy = err
	if !c.ready {
		close(c.greeted)
	}
}

// await waits until the peer has shown that it speaks HTTP/2.
func (c *clientConn) await(late <-chan struct{}) error {
	select {
	case <-c.greeted:
	case <-late:
		c.abort(errors.New("no SETTINGS came in time"))
		<-c.done
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch err := c.endedBy; {
	case c.ready:
		return nil
	case isProtocol(err):
		return errors.Join(ErrNotSpoken, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.Join(ErrHungUp, err)
	default:
		return err
	}
}

// isProtocol reports whether what came first was no SETTINGS.
func isProtocol(err error) bool {
	_, ok := errors.AsType[*connError](err)
	return ok
}

// settled is called after the peer's first SETTINGS. The lock is held.
func (c *clientConn) settled() { close(c.greeted) }

// open begins a stream with the head, or returns nil if the connection has no room.
func (c *clientConn) open(h *Head, flags http2.Flags, w Waker) (*Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.shutting || c.next > lastStreamAny {
		return nil, nil //nolint:nilnil // no stream, and no error
	}
	if h.Protocol != "" && !c.peer.connect {
		return nil, ErrNoConnect
	}
	if len(c.streams) >= c.room() {
		c.was = true
		return nil, nil //nolint:nilnil // as above
	}
	s := c.newStream(c.next, w)
	c.next += 2
	s.method = h.Method
	s.sentHead, s.sentEnded = true, flags.Has(http2.FlagHeadersEndStream)
	c.headers(s.id, h, flags)
	if n := c.client.cfg.Requests; n > 0 && int(c.next/2) >= n {
		c.shutting = true // it ends with its last stream
	}
	return s, nil
}

// room is how many streams there may be at once.
func (c *clientConn) room() int {
	n := min(maxStreams, int(c.peer.maxStreams))
	if most := c.client.cfg.Streams; most > 0 {
		n = min(n, most)
	}
	return n
}

// opened is a stream that the server opens, which it was told not to.
func (*clientConn) opened(id uint32, _ http2.Flags) error {
	return connErrorf(http2.ErrCodeProtocol, "a server opens stream %d", id)
}

func (*clientConn) start(*Stream) {}

func (*clientConn) stop() {}

// goAway is told which streams are not handled. The lock is held.
func (c *clientConn) goAway(last uint32, code Code, debug string) {
	c.shutting = true
	var cause error = &connError{code, "peer goes away"}
	if debug != "" {
		cause = &connError{code, "peer goes away: " + clip(debug)}
	}
	for _, s := range c.streams {
		if s.id > last {
			s.fail(&StreamError{Code: http2.ErrCodeRefusedStream, Remote: true, Unprocessed: true, Lost: true, cause: cause})
		}
	}
	c.released()
}

// released passes a place on, or ends a connection that is not needed any more. The
// lock is held.
func (c *clientConn) released() {
	if len(c.streams) == 0 {
		c.unused = time.Now()
	}
	if c.was && !c.shutting {
		c.was = false
		c.client.queue.wake()
	}
	if c.shutting && len(c.streams) == 0 {
		c.part()
	}
}

// part closes the connection in order. The lock is held.
func (c *clientConn) part() {
	if c.err != nil || c.leaving {
		return
	}
	c.leaving = true
	c.fr.WriteGoAway(0, http2.ErrCodeNo, nil) //nolint:errcheck // gathering cannot fail
	c.handlers.Go(func() {                    // run waits for it
		c.farewell()
		c.abort(errParted)
	})
}

var errParted = errors.New("connection is not needed any more")

// shut lets no more streams begin, and ends the connection with its last one.
func (c *clientConn) shut() (idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shutting = true
	idle = len(c.streams) == 0
	c.released()
	return idle
}

var errSilent = errors.New("peer does not answer a ping")

// look is called every now and then: it ends a connection that nobody has used for
// long, and asks a peer that is silent whether it is there.
func (c *clientConn) look(now time.Time) {
	cfg := &c.client.cfg
	c.mu.Lock()
	defer c.mu.Unlock()
	if cfg.Age > 0 && !c.shutting && now.Sub(c.born) >= cfg.Age {
		c.shutting = true
		c.released()
	}
	if cfg.Idle > 0 && len(c.streams) == 0 && now.Sub(c.unused) >= cfg.Idle {
		c.shutting = true
		c.part()
		return
	}
	if cfg.KeepAlive > 0 && c.err == nil {
		c.ask(now, cfg.KeepAlive)
	}
}

// ask pings a peer that is silent, and gives up one that does not answer. The lock is
// held.
func (c *clientConn) ask(now time.Time, patience time.Duration) {
	quiet := now.Sub(time.Unix(0, c.lastRead.Load()))
	switch {
	case !c.pinged.IsZero() && now.Sub(c.pinged) > pongTime && quiet > pongTime:
		c.fail(errSilent)
		c.nc.Close()
	case c.pinged.IsZero() && quiet >= patience:
		c.pinged = now
		c.fr.WritePing(false, [8]byte{}) //nolint:errcheck // gathering cannot fail
		c.wakeFlusher()
	}
}
