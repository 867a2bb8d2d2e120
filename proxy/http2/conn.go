package http2

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// role is what the two sides of a connection do differently. Its methods are called
// by the reading goroutine; those with the lock held say so.
type role interface {
	// opened takes the head of a stream that the peer has opened, which is in the block.
	opened(id uint32, flags http2.Flags) error
	// start is called for each stream that was opened, when all that has come was read.
	// The lock is held.
	start(s *Stream)
	// stop is called when no stream will be opened any more, and the connection has ended.
	stop()
	// goAway is told what the peer said; the lock is held.
	goAway(last uint32, code Code, debug string)
	// settled is called after the peer's first SETTINGS; the lock is held.
	settled()
	// released is called when a stream was closed; the lock is held.
	released()
}

// conn is what both sides have in common.
type conn struct {
	nc     net.Conn
	role   role
	server bool
	src    source
	fr     *http2.Framer // reads from src, writes to out
	block  block         // the reading goroutine's

	handlers   sync.WaitGroup // handlers, and flushes for the reader
	tick       *time.Timer
	blockSince atomic.Int64 // when an unfinished header block began, in Unix nanoseconds
	clock      bool         // lastRead is kept
	lastRead   atomic.Int64 // when a frame was read last, as above

	mu      sync.Mutex // guards what follows
	reading bool       // frames that have come are being read: news is told at their end
	news    []*Stream  // to be told
	opening []*Stream  // whose handlers are to be started
	streams map[uint32]*Stream
	spares  []*Stream
	newest  uint32 // the highest stream that was opened
	heads   int    // bytes of heads of open streams
	gone    recent // streams closed lately
	calm    calm

	out, spare   []byte // gathered, and what to gather in next
	writing      bool
	writingSince time.Time
	quiet        chan struct{} // closed when nobody writes any more; nil when nobody waits for it
	waitRoom     int           // streams that wait for room in out
	enc          *hpack.Encoder
	encoded      bytes.Buffer
	named        uint16 // bits of passing: the name was put into enc's table

	send   int64 // what the peer lets us send
	recv   int64 // what we let the peer send
	credit int64 // what was passed on and is not announced
	peer   peerSettings
	ready  bool // the peer's SETTINGS have come

	shutting bool  // no more streams; the connection ends with the last one
	err      error // why the connection has ended

	pinged time.Time // when a keepalive PING was sent that is not answered
}

// peerSettings are the other side's.
type peerSettings struct {
	maxFrame   int
	maxStreams uint32
	window     int64 // initial, of a stream
	connect    bool  // takes extended CONNECT
}

func (c *conn) init(nc net.Conn, r role) {
	c.nc, c.role = nc, r
	c.src.r = (*arrival)(c)
	c.fr = http2.NewFramer((*gather)(c), &c.src)
	c.fr.SetMaxReadFrameSize(maxFrame)
	c.block.init()
	c.streams = make(map[uint32]*Stream)
	c.enc = hpack.NewEncoder(&c.encoded)
	c.send, c.recv = initialWindow, connectionWindow
	c.peer = peerSettings{maxFrame: maxFrame, maxStreams: 1 << 31, window: initialWindow}
	now := time.Now()
	c.calm.chatter.at, c.calm.resets.at = now, now
}

// hello gathers what opens this side: settings, and a wider window.
func (c *conn) hello(settings ...http2.Setting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fr.WriteSettings(settings...)                           //nolint:errcheck // gathering cannot fail
	c.fr.WriteWindowUpdate(0, connectionWindow-initialWindow) //nolint:errcheck // as above
}

// fail ends the connection with all its streams. The lock is held.
func (c *conn) fail(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.tick != nil {
		c.tick.Stop()
	}
	for _, s := range c.streams {
		s.fail(&StreamError{Code: http2.ErrCodeInternal, Lost: true, cause: err})
	}
}

// abort is fail from outside: the reader is made to return.
func (c *conn) abort(err error) {
	c.mu.Lock()
	c.fail(err)
	c.mu.Unlock()
	c.nc.Close()
}

// run reads until the connection ends, and returns when all handlers have.
func (c *conn) run() error {
	err := c.read()
	c.announce()
	bye, ours := errors.AsType[*connError](err)
	c.mu.Lock()
	if ours && c.err == nil {
		c.fr.WriteGoAway(c.newest, bye.code, []byte(bye.reason)) //nolint:errcheck // gathering cannot fail
		c.shutting = true
	}
	c.mu.Unlock()
	if ours {
		c.farewell()
	}
	c.mu.Lock()
	if c.err == nil && errors.Is(err, io.EOF) && len(c.streams) > 0 {
		err = io.ErrUnexpectedEOF
	}
	c.fail(err)
	err = c.err
	c.mu.Unlock()
	c.role.stop()
	c.handlers.Wait()
	c.src.close()
	return err
}

// farewell returns when what is gathered was written, or could not be for a while.
func (c *conn) farewell() {
	c.nc.SetWriteDeadline(time.Now().Add(farewellTime)) //nolint:errcheck // a closed connection writes nothing
	c.flush()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.writing { // somebody else writes it
		if c.quiet == nil {
			c.quiet = make(chan struct{})
		}
		quiet := c.quiet
		c.mu.Unlock()
		<-quiet
		c.mu.Lock()
	}
}

// startTick lets look be called every now and then. It is called once, before others
// know of the connection.
func (c *conn) startTick(look func(now time.Time)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick = time.AfterFunc(tickEvery, func() {
		now := time.Now()
		c.lookForStalls(now)
		look(now)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err == nil {
			c.tick.Reset(tickEvery)
		}
	})
}

var (
	errStuck     = errors.New("peer takes no more bytes")
	errSlowBlock = errors.New("header block is not finished")
)

// lookForStalls ends what has waited for the peer too long.
func (c *conn) lookForStalls(now time.Time) {
	if since := c.blockSince.Load(); since != 0 && now.UnixNano()-since > int64(blockTime) {
		c.abort(errSlowBlock)
		return
	}
	c.mu.Lock()
	if c.writing && now.Sub(c.writingSince) > writeTime {
		c.mu.Unlock()
		c.abort(errStuck)
		return
	}
	for _, s := range c.streams {
		if s.starved && now.Sub(s.starvedSince) > stallTime && s.err == nil {
			c.fr.WriteRSTStream(s.id, http2.ErrCodeCancel) //nolint:errcheck // gathering cannot fail
			s.fail(&StreamError{Code: http2.ErrCodeCancel, cause: ErrStalled})
		}
	}
	c.wakeFlusher()
	c.mu.Unlock()
}

// recent remembers streams that were closed lately, as frames for them may be on
// their way.
type recent struct {
	ids  [64]uint32
	ours [64]bool // closed by a reset of this side: what comes is to be ignored
	next int
}

func (r *recent) add(id uint32, ours bool) {
	r.ids[r.next], r.ours[r.next] = id, ours
	r.next = (r.next + 1) % len(r.ids)
}

// find reports whether the stream is remembered, and whether this side has reset it.
func (r *recent) find(id uint32) (known, ours bool) {
	for i, have := range r.ids {
		if have == id {
			return true, r.ours[i]
		}
	}
	return false, false
}
