package exporter

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	otelexporter "go.opentelemetry.io/collector/exporter"
	"go.uber.org/zap"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/inflight"
)

// courier brings the batches of one signal to the store, each once whatever becomes of
// this process meanwhile.
type courier[T any] struct {
	*sink
	form[T]

	config  *Config
	log     *zap.Logger
	flights *inflight.Log // nil where there is no directory for it

	settling sync.Mutex
}

// form is how the requests of a signal are dealt with.
type form[T any] struct {
	encode func(T) ([]byte, error)
	decode func([]byte) (T, error)
	items  func(T) int
	pick   func(T, func(part int) bool) T // a copy with some of its parts
	batch  func(T, string) batch          // to be stored under a name
	name   func(T, []byte) string         // the same for the same content in every process
}

func newCourier[T any](x *sink, f form[T], c component.Config, set otelexporter.Settings) *courier[T] {
	config, ok := c.(*Config)
	if !ok { // the Collector hands back what defaultConfig made
		config = &Config{}
	}
	return &courier[T]{sink: x, form: f, config: config, log: set.Logger}
}

// start reads what an earlier process was sending.
func (c *courier[T]) start(context.Context, component.Host) error {
	if c.config.InFlight == "" {
		return nil
	}
	queued := 0
	if c.config.Queue.HasValue() {
		queued = int(c.config.Queue.Get().QueueSize)
	}
	var err error
	c.flights, err = inflight.Open(c.config.InFlight, queued)
	if err == nil && c.flights.Damaged() > 0 {
		c.log.Warn("batches that were being sent cannot be read, and may be stored twice", zap.Int("batches", c.flights.Damaged()))
	}
	return err
}

// consume stores a request.
func (c *courier[T]) consume(ctx context.Context, request T) error {
	content, err := c.encode(request)
	if err != nil {
		return consumererror.NewPermanent(fmt.Errorf("encode batch: %w", err))
	}
	if c.flights == nil {
		return c.deliver(ctx, c.batch(request, c.name(request, content)))
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	parts, err := inflight.Parts(content)
	if err != nil {
		return consumererror.NewPermanent(fmt.Errorf("encode batch: %w", err))
	}
	items := c.items(request)
	stored := func(part int) bool { return c.flights.Sent(parts[part]) }
	if old := c.pick(request, stored); c.items(old) > 0 {
		rest := c.pick(request, func(part int) bool { return !stored(part) })
		err = c.send(ctx, rest)
		if again(err) {
			return err
		}
		c.count(c.batch(old, ""))
	} else if err = c.fly(ctx, request, content, parts); again(err) {
		return err
	}
	c.told("forget", c.flights.Passed(items))
	return err
}

// send is fly for what is left of a request.
func (c *courier[T]) send(ctx context.Context, request T) error {
	if c.items(request) == 0 {
		return nil
	}
	content, err := c.encode(request)
	if err != nil {
		return consumererror.NewPermanent(fmt.Errorf("encode batch: %w", err))
	}
	parts, err := inflight.Parts(content)
	if err != nil {
		return consumererror.NewPermanent(fmt.Errorf("encode batch: %w", err))
	}
	return c.fly(ctx, request, content, parts)
}

// fly stores a request whose parts nobody has sent before. Where there is no room to
// remember it, it is sent all the same: only a kill would have it stored twice.
func (c *courier[T]) fly(ctx context.Context, request T, content []byte, parts []uint64) error {
	name := c.name(request, content)
	c.told("remember", c.flights.Begin(name, content, parts))
	err := c.deliver(ctx, c.batch(request, name))
	if !again(err) {
		c.told("end", c.flights.Over(name))
	}
	return err
}

// settle stores what an earlier process was sending, under the names that it used.
func (c *courier[T]) settle(ctx context.Context) error {
	c.settling.Lock()
	defer c.settling.Unlock()
	for _, name := range c.flights.Left() {
		err := c.resend(ctx, name)
		if err != nil && !clickhouse.Permanent(err) && !errors.Is(err, errUnreadable) {
			return fmt.Errorf("store what was being sent: %w", err)
		}
		if err != nil {
			c.log.Warn("a batch that was being sent cannot be sent again, and may be stored twice", zap.Error(err))
			err = c.flights.Lost(name)
		} else {
			err = c.flights.Over(name)
		}
		c.told("end", err)
	}
	return nil
}

var errUnreadable = errors.New("unreadable")

func (c *courier[T]) resend(ctx context.Context, name string) error {
	content, err := c.flights.Content(name)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	request, err := c.decode(content)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	return c.batch(request, name).store(ctx, store)
}

// again reports whether a batch that ended so is worth another try.
func again(err error) bool { return err != nil && !consumererror.IsPermanent(err) }

func (c *courier[T]) told(what string, err error) {
	if err != nil {
		c.log.Debug("a batch in flight: "+what, zap.Error(err))
	}
}
