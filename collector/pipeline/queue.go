package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/journal"
)

const queueType = "sightline_queue"

// queues keeps the exporters' queues in journals, one for each signal, watched for what an
// earlier process left in them, so that the books begin right.
type queues struct {
	ledger *account.Ledger
	logger *slog.Logger
	room   *room

	mu       sync.RWMutex
	journals map[string]*journal.Journal // by signal
}

func newQueues(dir string, d Deps) *queues {
	q := &queues{ledger: d.Ledger, logger: d.Logger, journals: map[string]*journal.Journal{}}
	q.room = &room{dir: dir, logger: d.Logger, tell: d.Ledger.Trouble, shrink: q.shrink}
	return q
}

// shrink gives back what the journals hold of the disk without need.
func (q *queues) shrink() {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for signal, j := range q.journals {
		if err := j.Shrink(); err != nil {
			q.logger.Debug("a queue could not be made smaller", "signal", signal, "error", err)
		}
	}
}

// flush returns when what the queue of a signal has taken is on disk.
func (q *queues) flush(signal string) error {
	q.mu.RLock()
	j := q.journals[signal]
	q.mu.RUnlock()
	if j == nil {
		return nil // an exporter that queues nothing
	}
	err := j.Sync()
	q.room.wrote(err)
	return err
}

type storageConfig struct {
	// Directory holds a directory for each signal.
	Directory string `mapstructure:"directory"`
}

// factory makes the storage of the exporters' queues.
func (q *queues) factory() extension.Factory {
	return extension.NewFactory(
		component.MustNewType(queueType),
		func() component.Config { return &storageConfig{} },
		func(_ context.Context, _ extension.Settings, conf component.Config) (extension.Extension, error) {
			return &queueStorage{queues: q, dir: conf.(*storageConfig).Directory}, nil
		},
		component.StabilityLevelStable,
	)
}

type queueStorage struct {
	component.StartFunc
	component.ShutdownFunc
	*queues
	dir string
}

// GetClient implements storage.Extension. An exporter's queue names its storage after
// the signal it holds.
func (s *queueStorage) GetClient(_ context.Context, _ component.Kind, id component.ID, name string) (storage.Client, error) {
	dir := filepath.Join(s.dir, name)
	j, err := journal.Open(dir, journal.Config{})
	if err != nil {
		return nil, err
	}
	if n := j.Damaged(); n > 0 {
		s.logger.Warn("the end of a queue cannot be read: what a crash cut off, or lost telemetry", "queue", dir, "bytes", n)
	}
	if err := adopt(filepath.Join(s.dir, formerName(id, name)), j); err != nil {
		return nil, fmt.Errorf("take over the queue of an earlier version: %w", err)
	}
	s.mu.Lock()
	s.journals[name] = j
	s.mu.Unlock()
	return &queueClient{journal: j, ledger: s.ledger, room: s.room, signal: name}, nil
}

// queueClient is the storage of one queue.
type queueClient struct {
	journal *journal.Journal
	ledger  *account.Ledger
	room    *room
	signal  string
}

// Get implements storage.Client. The queue reads its metadata once, before anything
// goes in or out: what it finds there was received by an earlier process.
func (c *queueClient) Get(_ context.Context, key string) ([]byte, error) {
	value, err := c.journal.Get(key)
	if err == nil && key == queueMetadataKey && value != nil {
		c.ledger.Received(c.signal, itemsIn(value))
		value = resumed(value)
	}
	return value, err
}

// Set implements storage.Client.
func (c *queueClient) Set(_ context.Context, key string, value []byte) error {
	return c.apply(journal.Op{Key: key, Value: value})
}

// Delete implements storage.Client.
func (c *queueClient) Delete(_ context.Context, key string) error {
	return c.apply(journal.Op{Key: key, Delete: true})
}

// Batch implements storage.Client. The queue notes that it reads a request as it reads
// it, and drops a request that it cannot read: see apply. One that is not there is an
// error, by which the queue passes over it: nothing at all would be read as a request
// without items.
func (c *queueClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	changes := make([]journal.Op, 0, len(ops))
	for _, op := range ops {
		if op.Type != storage.Get {
			changes = append(changes, journal.Op{Key: op.Key, Value: op.Value, Delete: op.Type == storage.Delete})
		}
	}
	if len(changes) > 0 {
		if err := c.apply(changes...); err != nil {
			return err
		}
	}
	for _, op := range ops {
		if op.Type != storage.Get {
			continue
		}
		value, err := c.journal.Get(op.Key)
		if err != nil {
			return err
		}
		if value == nil && isRequest(op.Key) {
			return fmt.Errorf("read request %s of the queue of %s: it is done with", op.Key, c.signal)
		}
		op.Value = value
	}
	return nil
}

// Close implements storage.Client.
func (c *queueClient) Close(context.Context) error { return c.journal.Close() }

// apply writes to the journal. On a full disk what the queue notes about itself, and that
// it is done with a request, is written with the next request that fits: until then a
// restart would send again what was sent.
func (c *queueClient) apply(ops ...journal.Op) error {
	err := c.journal.Apply(ops...)
	c.room.wrote(err)
	if isFull(err) && !slices.ContainsFunc(ops, addsRequest) {
		return nil
	}
	return err
}

func addsRequest(op journal.Op) bool { return !op.Delete && isRequest(op.Key) }

// isRequest reports whether a key is that of a request, which is its index.
func isRequest(key string) bool {
	_, err := strconv.ParseUint(key, 10, 64)
	return err == nil
}
