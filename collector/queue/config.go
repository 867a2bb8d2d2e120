package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Config is a queue's section of a Collector's configuration.
type Config struct {
	// Directory holds the queue. One process at a time may use it.
	Directory string `mapstructure:"directory"`
	// Items is how many items (spans, log records, metric points) it holds; beyond it Append
	// refuses.
	Items int `mapstructure:"items"`

	// A batch is sent when it has BatchItems or BatchBytes (as requests are on disk), or
	// BatchWait after its first request, but if it is not full only BatchEvery after the
	// batch before: each is an insert, and makes a part on the store's disk.
	BatchItems int           `mapstructure:"batch_items"`
	BatchBytes int           `mapstructure:"batch_bytes"`
	BatchWait  time.Duration `mapstructure:"batch_wait"`
	BatchEvery time.Duration `mapstructure:"batch_every"`

	// Timeout is how long one try may take, which is several inserts, and where the store
	// refuses rows of them for good a hundred: each has its own time. Another try, which begins
	// with the first of them, follows after RetryFirst, and after twice
	// as long each time, up to RetryMost.
	Timeout    time.Duration `mapstructure:"timeout"`
	RetryFirst time.Duration `mapstructure:"retry_first"`
	RetryMost  time.Duration `mapstructure:"retry_most"`

	// Former is where earlier versions kept the queue, each path empty or absent where they
	// did not.
	Former struct {
		InFlight string `mapstructure:"in_flight"` // directory
		Bolt     string `mapstructure:"bolt"`      // file
	} `mapstructure:"former"`
}

// Default is a Config but for its paths. It tries for ever: what waits is bounded, and
// senders keep what does not fit.
func Default() Config {
	return Config{
		Items: 1_000_000, BatchItems: 10_000, BatchBytes: 16 << 20, BatchWait: 500 * time.Millisecond,
		Timeout: 10 * time.Minute, RetryFirst: 200 * time.Millisecond, RetryMost: 5 * time.Second,
	}
}

// Validate names what is wrong.
func (c *Config) Validate() error {
	var bad []error
	if c.Directory == "" {
		bad = append(bad, errors.New("directory: is empty, want a path"))
	}
	for name, n := range map[string]int{"items": c.Items, "batch_items": c.BatchItems, "batch_bytes": c.BatchBytes} {
		if n < 1 {
			bad = append(bad, fmt.Errorf("%s: %d, want 1 at least", name, n))
		}
	}
	for name, d := range map[string]time.Duration{
		"batch_wait": c.BatchWait, "timeout": c.Timeout, "retry_first": c.RetryFirst, "retry_most": c.RetryMost,
	} {
		if d <= 0 {
			bad = append(bad, fmt.Errorf("%s: %s, want more than nothing", name, d))
		}
	}
	if c.BatchEvery < 0 {
		bad = append(bad, fmt.Errorf("batch_every: %s, want 0 at least", c.BatchEvery))
	}
	return errors.Join(bad...)
}

// Books are told what became of items. They must not block.
type Books interface {
	// Received is told of what an earlier process left.
	Received(items int)
	// Dropped is told of what will never be sent.
	Dropped(reason string, items int)
}

// Reasons for which an item is not sent.
const (
	Damaged = "damaged-on-disk"
	Sifted  = signal.Sampled
)

// Deps is what a queue of requests T uses of its surroundings.
type Deps[T any] struct {
	// Render makes of a request what is kept of it until it is sent. It is called by
	// receivers, at the same time as each other, as soon as a request has come, and with a
	// Sieve once it is sifted. Nil keeps requests as they are.
	Render func(request T) Part
	// Prepare makes a batch ready to be sent under a name. What it returns is called until
	// it returns nil or an error that is permanent (consumererror), and keeps the books of
	// what became of the batch.
	Prepare func(c Content[T], name string) func(context.Context) error
	Books   Books
	Log     *zap.Logger
	// Sieve is nil where everything is sent. Delay is how long a request waits for what
	// belongs to it before it is sifted.
	Sieve Sieve[T]
	Delay time.Duration
}

// Part is what is sent of a request, or of several. It does not change.
type Part interface {
	// Size is about how much memory it takes, in bytes.
	Size() int
}

// Content is what a batch consists of: Parts, in order, or without a Render one Request with
// all that was in those of the batch.
type Content[T any] struct {
	Request T
	Parts   []Part
}

// Form is how the requests of a signal are dealt with.
type Form[T any] struct {
	Encode func(T) ([]byte, error)
	Decode func([]byte) (T, error)
	Items  func(T) int
	New    func() T
	Join   func(into, from T) // moves all of from to the end of into
	Hold   func(T)            // against the receiver's letting go
	Let    func(T)            // go
}

// Sieve decides which parts of the requests that wait are worth sending.
type Sieve[T any] interface {
	// Note is told of each request before it may be cut, and when it came: by receivers, at
	// the same time as each other; at a start of all that is queued, in order, before
	// anything is sent. It keeps and changes nothing of the request.
	Note(request T, at time.Time)
	// Sift takes a whole batch, the requests put together in the order in which they came,
	// and gives what is kept of it, which may be nothing, and a note by which Resift leaves
	// out the same; empty where nothing is left out. Batches are sifted in order, one at a
	// time. The note is written down before the batch is sent, so it should be small.
	Sift(request T) (kept T, note []byte)
	// Resift is Sift of the same batch in a later process, of which something was left out.
	Resift(request T, note []byte) T
}

var _ confmap.Validator = (*Config)(nil)
