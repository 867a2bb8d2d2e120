package emit

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"
)

const (
	batchRows = 1024 // rows encoded into one request
	wakeShare = 2    // a buffer 1/wakeShare full is drained at once
)

// Emitter is the Sink that tells the collector. Use New; run Run once.
type Emitter struct {
	config   Config
	encoder  *encoder
	accounts accounts
	queue    *queue
	sender   *sender
	wake     chan struct{} // capacity 1: records should be drained before the next tick

	mu      sync.Mutex // guards what follows; held for well under a microsecond
	records *recordBuffer
	red     *redWindow
	ended   bool

	// Only Run's draining goroutine uses these.
	spareRecords *recordBuffer
	spareRED     *redWindow
	scratch      []byte // an encoded request
	packed       []byte // the same, compressed
}

var _ Sink = (*Emitter)(nil)

// New makes an Emitter that buffers but sends nothing until Run. The configuration
// must be valid.
func New(c Config, d Deps) *Emitter {
	c = c.withDefaults()
	e := &Emitter{
		config: c, encoder: newEncoder(c), queue: newQueue(c.Retain), wake: make(chan struct{}, 1),
		records: newRecordBuffer(c.Records), spareRecords: newRecordBuffer(c.Records),
		red: newRedWindow(c.LabelSets), spareRED: newRedWindow(c.LabelSets),
	}
	e.red.start = time.Now()
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
	e.mu.Lock()
	reason := DroppedLate
	kept := false
	if !e.ended {
		e.red.observe(r)
		kept = e.records.add(r)
		reason = DroppedBufferFull
	}
	fill := len(e.records.rows)
	e.mu.Unlock()
	if !kept {
		e.accounts.drop(traces, spans, reason)
		e.accounts.drop(logs, 1, reason)
	}
	if fill >= e.config.Records/wakeShare {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
}

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
			e.drainRecords()
			e.drainRED()
		case <-e.wake:
			e.drainRecords()
		}
	}
	e.mu.Lock()
	e.ended = true
	e.mu.Unlock()
	e.drainRecords()
	e.drainRED()
	close(drained)
	<-sent
	return nil
}

// Stats says what became of everything emitted so far.
func (e *Emitter) Stats() Stats {
	s := Stats{
		Spans: e.accounts.of(traces), Logs: e.accounts.of(logs), Points: e.accounts.of(metrics),
		RetainedBytes: e.queue.size(),
	}
	e.mu.Lock()
	s.LabelSets = len(e.red.series)
	e.mu.Unlock()
	return s
}

// drainRecords encodes the buffered records while the other buffer fills.
func (e *Emitter) drainRecords() {
	e.mu.Lock()
	buf := e.records
	e.records, e.spareRecords = e.spareRecords, buf
	e.mu.Unlock()
	for rows := buf.rows; len(rows) > 0; {
		n := min(len(rows), batchRows)
		body, spans := e.encoder.traces(e.scratch[:0], buf, rows[:n])
		e.enqueue(traces, spans, body)
		e.enqueue(logs, n, e.encoder.logs(body[:0], buf, rows[:n]))
		rows = rows[n:]
	}
	buf.reset()
}

// drainRED encodes the rows of the interval that ends now.
func (e *Emitter) drainRED() {
	now := time.Now()
	e.mu.Lock()
	w := e.red
	e.red, e.spareRED = e.spareRED, w
	e.red.start = now
	e.mu.Unlock()
	body, points := e.encoder.metrics(e.scratch[:0], w, now)
	e.accounts.emitted[metrics].Add(uint64(points))
	e.enqueue(metrics, points, body)
	w.reset(e.config.Idle)
}

// enqueue compresses body, which may be used again afterwards. Snappy, because gzip would
// cost twice as much as everything else that is done for a record, and Snappy a third
// of gzip; it leaves 250 bytes of a record's 1,450, gzip 180.
func (e *Emitter) enqueue(kind, items int, body []byte) {
	e.scratch = body
	if items == 0 {
		return
	}
	e.packed = s2.EncodeSnappy(e.packed[:cap(e.packed)], body)
	for _, b := range e.queue.push(batch{kind: kind, items: items, body: bytes.Clone(e.packed)}) {
		e.accounts.drop(b.kind, b.items, DroppedQueueFull)
	}
}
