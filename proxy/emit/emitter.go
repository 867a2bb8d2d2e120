package emit

import (
	"context"
	"time"
)

// redRows are encoded into one piece.
const redRows = 64

// Emitter is the Sink that tells the collector. Use New; run Run once.
type Emitter struct {
	config   Config
	ring     *ring
	red      *redWindow
	accounts accounts
	queue    *queue
	sender   *sender

	// Only Run's goroutine uses these.
	encoder *encoder
	scratch encoded
	packed  []byte // a piece, compressed
	batches [signals]packing
}

var _ Sink = (*Emitter)(nil)

// New makes an Emitter that buffers but sends nothing until Run. The configuration
// must be valid.
func New(c Config, d Deps) *Emitter {
	c = c.withDefaults()
	e := &Emitter{
		config: c, ring: newRing(c.Buffer), red: newRedWindow(c.LabelSets),
		queue: newQueue(c.Retain), encoder: newEncoder(c),
	}
	e.sender = newSender(c, d, e.queue, &e.accounts)
	return e
}

// Emit takes a copy of r. It never blocks on anything but the copying of another
// record; if there is no room the span and the access-log row are dropped and counted,
// while the RED row still counts the request.
func (e *Emitter) Emit(r *Record) {
	if e.config.Collector == "" {
		return
	}
	spans := spansOf(r)
	e.accounts.emitted[traces].Add(uint64(spans))
	e.accounts.emitted[logs].Add(1)
	dropped := e.ring.add(r)
	if dropped == "" {
		return
	}
	if dropped == DroppedBufferFull {
		e.red.countRecord(r)
	}
	e.accounts.drop(traces, spans, dropped)
	e.accounts.drop(logs, 1, dropped)
}

// Open counts the stream of r in its RED row. It has no access-log row or span until it
// has ended.
func (e *Emitter) Open(r *Record) {
	if e.config.Collector != "" {
		e.red.open(r)
	}
}

// Reconnect has what is sent next go to the collector over a new connection, which
// presents the certificate of the moment.
func (e *Emitter) Reconnect() { e.sender.reconnect() }

// Run sends until ctx ends, then goes on for at most Config.Grace with what is left.
// Records emitted after that are dropped and counted.
func (e *Emitter) Run(ctx context.Context) error {
	if e.config.Collector == "" {
		<-ctx.Done()
		return nil
	}
	drained := make(chan struct{})
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		e.sender.run(ctx, e.config.Grace, drained)
	}()
	tick := time.NewTicker(e.config.Interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			e.flush()
		case <-e.ring.sealed:
			e.drain()
		}
	}
	e.ring.end()
	e.flush()
	close(drained)
	<-sent
	return nil
}

// Stats says what became of everything emitted so far.
func (e *Emitter) Stats() Stats {
	sets, overflow := e.red.size()
	return Stats{
		Spans: e.accounts.of(traces), Logs: e.accounts.of(logs), Points: e.accounts.of(metrics),
		RetainedBytes: e.queue.size(), LabelSets: sets, LabelOverflow: overflow,
	}
}

// drain encodes the chunks that are full.
func (e *Emitter) drain() {
	for c := e.ring.take(); c != nil; c = e.ring.take() {
		e.encode(c)
	}
}

// encode packs the records of c and gives it back.
func (e *Emitter) encode(c *chunk) {
	e.scratch = e.encoder.chunk(encoded{spans: e.scratch.spans[:0], logs: e.scratch.logs[:0]}, c, e.red)
	e.ring.giveBack(c)
	e.pack(traces, e.scratch.spanCount, e.scratch.spans)
	e.pack(logs, e.scratch.logCount, e.scratch.logs)
}

// flush encodes all that is there, the RED rows of the interval that ends now too, and
// queues it.
func (e *Emitter) flush() {
	e.drain()
	if c := e.ring.rest(); c != nil {
		e.encode(c)
	}
	now := time.Now()
	began := e.red.turn(now, e.config.Idle)
	in := interval{uint64(began.UnixNano()), uint64(now.UnixNano())}
	for from, more := 0, true; more; from += redRows {
		more = e.drainRED(from, in)
	}
	for kind := range e.batches {
		e.ship(kind)
	}
}

// drainRED encodes some RED rows and reports whether there are others behind them.
func (e *Emitter) drainRED(from int, in interval) (more bool) {
	w := e.red
	w.mu.Lock()
	rows := w.rows[min(from, len(w.rows)):min(from+redRows, len(w.rows))]
	more = from+redRows < len(w.rows)
	body, points := e.encoder.metrics(e.scratch.logs[:0], rows, in)
	for _, s := range rows {
		s.again()
	}
	w.mu.Unlock()
	e.scratch.logs = body
	e.accounts.emitted[metrics].Add(uint64(points))
	e.pack(metrics, points, body)
	return more
}
