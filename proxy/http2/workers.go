package http2

import "sync/atomic"

// maxIdleWorkers is how many goroutines without a stream a connection in use keeps, with
// stacks of 8 or 16 KiB.
const maxIdleWorkers = 128

// workers are the goroutines that take a connection's streams to the handler. One that
// is done waits for another stream: its stack has grown to what a handler needs, which a
// new goroutine's would do again, by copies.
type workers struct {
	next   chan *Stream // to one that waits; nil sends it home
	idle   atomic.Int32
	served uint32 // the newest stream when that was looked at last
}

// start gives the stream to a goroutine. The lock is held.
func (c *ServerConn) start(s *Stream) {
	select {
	case c.workers.next <- s:
	default:
		c.handlers.Go(func() { c.work(s) }) // run waits for it
	}
}

func (c *ServerConn) work(s *Stream) {
	w := &c.workers
	for s != nil {
		c.handle(s)
		if w.idle.Add(1) > maxIdleWorkers {
			w.idle.Add(-1)
			return
		}
		s = <-w.next
		w.idle.Add(-1)
	}
}

// stop sends the workers home, for good: those that are at work when they have ended it.
// No stream will be started.
func (c *ServerConn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.workers.next)
}

// rest sends workers home: half of those that wait, so that a burst leaves nothing behind,
// or all of a connection that has had nothing to do since it was looked at last. The lock
// is held, and the connection has not ended.
func (c *ServerConn) rest() {
	w := &c.workers
	n := w.idle.Load()
	if c.newest != w.served || len(c.streams) > 0 {
		w.served = c.newest
		n /= 2
	}
	for range n {
		select {
		case w.next <- nil:
		default:
			return
		}
	}
}
