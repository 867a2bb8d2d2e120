package queue

import (
	"context"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"

	"github.com/sightline-mesh/sightline/collector/queue/cuts"
)

// batch is what is sent at a time.
type batch[T any] struct {
	cuts.Cut

	entries                []entry[T]
	request                T
	parts                  []Part
	items, damaged, sifted int // of all entries; of those that cannot be read; left out
}

// run sends batches until taking ends; sending ends what is under way.
func (q *Queue[T]) run(taking, sending context.Context) {
	for {
		b := q.take(taking)
		if b == nil {
			return
		}
		if b.items > b.damaged+b.sifted && !q.send(taking, sending, b) {
			return // it stays for the next process
		}
		q.over(b)
	}
}

// take gives the next batch, made of its requests and written down; nil when ctx ends.
func (q *Queue[T]) take(ctx context.Context) *batch[T] {
	select {
	case <-ctx.Done():
		return nil
	case q.cutting <- struct{}{}:
	}
	defer func() { <-q.cutting }()
	if ctx.Err() != nil { // both were ready
		return nil
	}
	if len(q.left) > 0 {
		b := q.left[0]
		q.left = q.left[1:]
		q.join(b)
		if q.deps.Sieve != nil && len(b.Note) > 0 {
			q.sift(b, func(request T) T { return q.deps.Sieve.Resift(request, b.Note) })
		}
		return b
	}
	entries := q.await(ctx)
	if len(entries) == 0 {
		return nil
	}
	b := &batch[T]{entries: entries}
	b.From, b.To = q.cuts.Next(), entries[len(entries)-1].Number+1
	b.Name = q.name(b)
	q.join(b)
	if q.deps.Sieve != nil {
		q.sift(b, func(request T) (kept T) {
			kept, b.Note = q.deps.Sieve.Sift(request)
			return kept
		})
	}
	// Where it cannot be written down it is sent all the same: only a kill would have it
	// stored twice.
	q.told("write a batch down", q.cuts.Begin(b.Cut))
	return b
}

// name is that of a batch's range, of this queue, with this content: a queue whose files
// were put back to an earlier state has other content under the same numbers.
func (q *Queue[T]) name(b *batch[T]) string {
	var sum uint32
	for _, e := range b.entries {
		c := e.Checksum
		sum = crc32.Update(sum, crc32.IEEETable, []byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24)})
	}
	return fmt.Sprintf("%s-%d-%d-%08x", q.cuts.ID(), b.From, b.To, sum)
}

// join puts a batch's requests together, each as its part where no sieve has to see them.
func (q *Queue[T]) join(b *batch[T]) {
	b.request = q.form.New()
	for i, e := range b.entries {
		b.entries[i] = entry[T]{}
		b.items += e.Items
		if e.part != nil {
			b.parts = append(b.parts, e.part)
			continue
		}
		request, err := q.read(e)
		if err != nil {
			q.deps.Log.Warn("a request cannot be read and is dropped", zap.Int("items", e.Items), zap.Error(err))
			b.damaged += e.Items
			continue
		}
		if q.deps.Render != nil && q.deps.Sieve == nil {
			b.parts = append(b.parts, q.deps.Render(request))
			continue
		}
		q.form.Join(b.request, request)
		if e.kept > 0 {
			q.form.Let(request)
		}
	}
	b.entries = nil
}

func (q *Queue[T]) sift(b *batch[T], keep func(T) T) {
	b.request = keep(b.request)
	b.sifted = b.items - b.damaged - q.form.Items(b.request)
}

// read gives an entry's request.
func (q *Queue[T]) read(e entry[T]) (T, error) {
	if e.kept > 0 {
		return e.request, nil
	}
	var content []byte
	var err error
	if in := q.cuts.Former(); e.Number >= in.From && e.Number < in.To {
		content, err = q.former.Read(int(e.Number - in.From))
	} else {
		content, err = q.log.Read(e.Record)
	}
	if err != nil {
		return e.request, err
	}
	return q.form.Decode(content)
}

// await gives the entries of the next batch when there are enough of them, or the first
// has waited for long enough; none when ctx ends.
func (q *Queue[T]) await(ctx context.Context) []entry[T] {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		n, wait := q.ready(time.Now())
		if n > 0 {
			return q.pop(n)
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// idle is how long a queue sleeps that has nothing to send; Append wakes it.
const idle = time.Hour

// ready is how many entries are to be sent now, or else how long to wait.
func (q *Queue[T]) ready(now time.Time) (n int, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return 0, idle
	}
	patience := q.deps.Delay + q.cfg.BatchWait
	oldest := now.Sub(q.waiting[0].Arrival)
	var items, bytes int
	for _, e := range q.waiting {
		if age := now.Sub(e.Arrival); age >= 0 && age < q.deps.Delay { // below 0 the clock was set back
			break
		}
		n++
		items += e.Items
		bytes += e.Size
		if items >= q.cfg.BatchItems || bytes >= q.cfg.BatchBytes {
			return n, 0
		}
	}
	if n == 0 || oldest >= 0 && oldest < patience {
		return 0, patience - oldest
	}
	if early := q.cfg.BatchEvery - now.Sub(q.lastCut); early > 0 {
		return 0, early
	}
	return n, 0
}

// pop takes the first entries out of what waits.
func (q *Queue[T]) pop(n int) []entry[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lastCut = time.Now()
	taken := slices.Clone(q.waiting[:n])
	clear(q.waiting[:n])
	q.waiting = q.waiting[n:]
	for _, e := range taken {
		q.count -= e.Items
		q.bytes -= e.Size
		q.kept -= e.kept
	}
	return taken
}

// send tries until the batch is stored or never will be; false where it is neither when
// taking ends.
func (q *Queue[T]) send(taking, sending context.Context, b *batch[T]) bool {
	try := q.deps.Prepare(q.content(b), b.Name)
	var none T
	b.request, b.parts = none, nil // what it became is enough
	for wait := q.cfg.RetryFirst; ; wait = min(2*wait, q.cfg.RetryMost) {
		ctx, cancel := context.WithTimeout(sending, q.cfg.Timeout)
		err := try(ctx)
		cancel()
		switch {
		case err == nil:
			return true
		case consumererror.IsPermanent(err):
			q.deps.Log.Error("some of a batch will never be stored", zap.Int("items", b.items), zap.Error(err))
			return true
		}
		q.told("a batch is to be tried again", err)
		select {
		case <-taking.Done():
			return false
		case <-time.After(wait/2 + rand.N(wait)): //nolint:gosec // to spread tries
		}
	}
}

// content is what a batch consists of.
func (q *Queue[T]) content(b *batch[T]) Content[T] {
	switch {
	case q.deps.Render == nil:
		return Content[T]{Request: b.request}
	case q.deps.Sieve != nil:
		return Content[T]{Parts: []Part{q.deps.Render(b.request)}}
	}
	return Content[T]{Parts: b.parts}
}

// over ends a batch whose outcome is known.
func (q *Queue[T]) over(b *batch[T]) {
	done, err := q.cuts.Over(b.From)
	q.told("write down that a batch is over", err)
	if b.damaged > 0 {
		q.deps.Books.Dropped(Damaged, b.damaged)
	}
	if b.sifted > 0 {
		q.deps.Books.Dropped(Sifted, b.sifted)
	}
	q.release(b.items)
	q.told("give back what is done with", q.log.Trim(done))
	q.forget(done)
}
