package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"

	"github.com/sightline-mesh/sightline/collector/queue/cuts"
	"github.com/sightline-mesh/sightline/collector/queue/former"
	"github.com/sightline-mesh/sightline/collector/queue/segments"
)

var (
	// ErrFull is a request that the queue has no room for until something is sent.
	ErrFull = errors.New("the queue is full")
	// ErrUnsafe is a request that is in the queue, and will be sent, but may not be on disk:
	// its sender is to send it again.
	ErrUnsafe = errors.New("not known to be on disk")
)

const (
	// keptBytes bounds the memory of what is kept of requests that wait. Most are sent soon
	// after they came, by the process that they came to: they need not be decoded a second
	// time. When the store is away, those beyond are read from disk.
	keptBytes = 24 << 20
	// decoded is how much larger a request is in memory than on disk, about.
	decoded = 4
	// senders is how many batches may be under way: one is made ready while the other is
	// stored. Inserts into one table do not speed up with more, and each makes a part.
	senders = 2
)

// Queue is a queue of requests T. Use Start once, and Shutdown after it.
type Queue[T any] struct {
	cfg  Config
	form Form[T]
	deps Deps[T]
	log  *segments.Log
	cuts *cuts.Log
	wake chan struct{}

	cutting chan struct{} // held by who takes a batch: one at a time
	left    []*batch[T]   // what an earlier process was sending; of who holds cutting

	mu      sync.Mutex // guards what follows
	former  *former.Source
	waiting []entry[T]
	items   int // waiting and under way
	bytes   int // waiting
	count   int // items waiting
	kept    int // bytes of memory that is kept of what waits
	lastCut time.Time

	stop  context.CancelFunc // ends the taking of batches
	abort context.CancelFunc // ends what is under way
	ended sync.WaitGroup
}

// entry is a request that waits.
type entry[T any] struct {
	segments.Record

	request T
	part    Part // of the request, where there is a Render
	kept    int  // bytes of memory that either takes; 0 where there is neither
}

func newQueue[T any](c Config, f Form[T], d Deps[T]) *Queue[T] {
	return &Queue[T]{cfg: c, form: f, deps: d, wake: make(chan struct{}, 1), cutting: make(chan struct{}, 1)}
}

// Start opens the queue and sends what an earlier process left in it, and then what comes.
func (q *Queue[T]) Start(ctx context.Context, _ component.Host) error {
	if err := q.load(); err != nil {
		return errors.Join(err, q.close())
	}
	ctx = context.WithoutCancel(ctx) // which ends when all are started
	taking, stop := context.WithCancel(ctx)
	sending, abort := context.WithCancel(ctx)
	q.stop, q.abort = stop, abort
	for range senders {
		q.ended.Go(func() { q.run(taking, sending) })
	}
	return nil
}

// Shutdown lets what is under way end, until ctx does. What is not stored stays.
func (q *Queue[T]) Shutdown(ctx context.Context) error {
	if q.stop == nil {
		return nil // not started
	}
	q.stop()
	ended := make(chan struct{})
	go func() { q.ended.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	q.abort()
	<-ended
	return q.close()
}

// Capabilities tells that requests are taken, not copied.
func (*Queue[T]) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// Append puts a request into the queue, which has it from then on. It returns when it is on
// disk. A request without items is not kept.
func (q *Queue[T]) Append(request T) error {
	n := q.form.Items(request)
	if n == 0 {
		return nil
	}
	if !q.reserve(n) {
		return ErrFull
	}
	content, err := q.form.Encode(request)
	if err != nil {
		q.release(n)
		return consumererror.NewPermanent(fmt.Errorf("encode request: %w", err))
	}
	now := time.Now()
	if q.deps.Sieve != nil {
		q.deps.Sieve.Note(request, now)
	}
	e := q.keep(request, len(content))
	r, err := q.put(e, content, n, now)
	if err != nil {
		q.release(n)
		return err
	}
	if err := q.log.Sync(r); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	return nil
}

// keep gives an entry with what is kept of a request of so many bytes. What waits for others
// of its trace waits for too long to be kept.
func (q *Queue[T]) keep(request T, size int) (e entry[T]) {
	q.mu.Lock()
	room := keptBytes - q.kept
	q.mu.Unlock()
	switch {
	case q.deps.Sieve != nil || size > room:
	case q.deps.Render != nil:
		e.part = q.deps.Render(request)
		e.kept = max(e.part.Size(), 1)
	case decoded*size <= room:
		e.request, e.kept = request, max(decoded*size, 1)
	}
	return e
}

// put writes an entry's request and lets it wait. Both under one lock, so that what waits is
// in order.
func (q *Queue[T]) put(e entry[T], content []byte, items int, now time.Time) (segments.Record, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r, err := q.log.Append(content, items, now)
	if err != nil {
		return r, err
	}
	e.Record = r
	if e.kept > 0 && e.part == nil {
		q.form.Hold(e.request)
	}
	q.kept += e.kept
	q.push(e)
	if len(q.waiting) == 1 || q.count >= q.cfg.BatchItems || q.bytes >= q.cfg.BatchBytes {
		select {
		case q.wake <- struct{}{}:
		default: // it is awake already
		}
	}
	return r, nil
}

// push lets an entry wait. The lock is held, or not needed yet.
func (q *Queue[T]) push(e entry[T]) {
	q.waiting = append(q.waiting, e)
	q.count += e.Items
	q.bytes += e.Size
}

func (q *Queue[T]) reserve(items int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items+items > q.cfg.Items {
		return false
	}
	q.items += items
	return true
}

func (q *Queue[T]) release(items int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items -= items
}

// close gives the files back.
func (q *Queue[T]) close() error {
	var errs []error
	if q.log != nil {
		errs = append(errs, q.log.Close())
	}
	if q.cuts != nil {
		errs = append(errs, q.cuts.Close())
	}
	return errors.Join(errs...)
}

// told says what went wrong and is made up for.
func (q *Queue[T]) told(what string, err error) {
	if err != nil {
		q.deps.Log.Debug(what, zap.Error(err))
	}
}
