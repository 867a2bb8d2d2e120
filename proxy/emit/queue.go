package emit

import "sync"

// batch is one export request, compressed, until the collector answers for it.
type batch struct {
	kind  int // traces, logs or metrics
	items int // spans, rows or points
	body  []byte
	block *block // where body lies; nil if it has memory of its own
}

// block is memory for one batch at a time.
type block [lengthBytes + batchBytes]byte

// spareBlocks are kept to be filled again: as many as there are at a time while the
// collector takes what it is sent.
const spareBlocks = 3

// queue keeps batches in order of age, within a bound on their bytes. What does not
// fit pushes out the oldest.
type queue struct {
	mu      sync.Mutex
	batches []batch
	bytes   int
	limit   int
	spare   []*block
	filled  chan struct{} // capacity 1: something was pushed
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, filled: make(chan struct{}, 1)}
}

// push appends b and returns what it pushed out.
func (q *queue) push(b batch) (out []batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batches = append(q.batches, b)
	q.bytes += len(b.body)
	for q.bytes > q.limit && len(q.batches) > 0 {
		out = append(out, q.take())
	}
	select {
	case q.filled <- struct{}{}:
	default:
	}
	return out
}

// pop takes the oldest batch. The caller puts it back if it could not be sent.
func (q *queue) pop() (batch, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 {
		return batch{}, false
	}
	return q.take(), true
}

// putBack returns b, the batch popped last, to the front, unless the queue filled up
// in the meantime: then b is the oldest and goes.
func (q *queue) putBack(b batch) (kept bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+len(b.body) > q.limit {
		return false
	}
	q.batches = append([]batch{b}, q.batches...)
	q.bytes += len(b.body)
	return true
}

// take removes the oldest batch; q.mu is held and there is one.
func (q *queue) take() batch {
	b := q.batches[0]
	q.batches[0] = batch{}
	q.batches = q.batches[1:]
	q.bytes -= len(b.body)
	return b
}

func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// lend gives a block to be filled.
func (q *queue) lend() *block {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.spare)
	if n == 0 {
		return new(block)
	}
	b := q.spare[n-1]
	q.spare = q.spare[:n-1]
	return b
}

// giveBack takes a block that nothing reads any more.
func (q *queue) giveBack(b *block) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.spare) < spareBlocks {
		q.spare = append(q.spare, b)
	}
}
