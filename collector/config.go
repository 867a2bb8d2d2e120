package collector

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/tail"
)

// Config says where a collector listens, where it keeps what is not stored yet, and
// which store it fills. Zero fields have the defaults of Default.
type Config struct {
	// Dir holds the queues on disk. One collector at a time may use it. Required.
	Dir string
	// Store is the address of the store, "http://127.0.0.1:8123/sightline" or
	// "clickhouse://host:9000/sightline". Required.
	Store string
	// GRPC and HTTP are the addresses to take OTLP on. Default ":4317" and ":4318".
	GRPC, HTTP string
	// Zipkin is the address to take Zipkin's spans on, over HTTP (v1 and v2); JaegerGRPC and
	// JaegerHTTP those for what Jaeger's clients and agents send, api_v2 over gRPC and
	// Thrift over HTTP. Empty, the default, is off. Who may send is as for OTLP.
	Zipkin, JaegerGRPC, JaegerHTTP string
	// MemoryMiB is the size of the process's heap beyond which telemetry is refused,
	// so that senders keep it. Default 768.
	MemoryMiB int
	// QueueItems is how many spans, log records or metric points may each wait on disk
	// for the store, at half a kilobyte or so; beyond it telemetry is refused. At least
	// 10,000. Default 1,000,000.
	QueueItems int
	// StoreLimit is how many bytes the store may have on disk. Beyond it the oldest day of
	// what takes most of the room is given up, but for today's. 0 is no limit; a store on a
	// cluster cannot have one.
	StoreLimit uint64
	// StoragePolicy is the store's storage policy, with a volume "cold" that days go to once
	// they have been over for ColdAfter, in whole hours; what is over StoreLimit goes there
	// before its time. Empty is none: days stay where they were written. The embedded store's
	// is engine.Tiered.
	StoragePolicy string
	ColdAfter     time.Duration
	// ColdLimit is StoreLimit for what lies there; 0 is no limit.
	ColdLimit uint64
	// Limits are how fast each tenant may send, and how many different keys it may make.
	Limits limits.Config
	// TraceBudget is how many ordinary traces a second are kept, beside every trace with an
	// error, slower than the 99th percentile of its route, or marked. 0 keeps all at once.
	TraceBudget float64
	// DecisionWait is how long spans wait on disk for the others of their trace before it
	// is decided whether they are kept, where there is a budget. Default 8 s.
	DecisionWait time.Duration
	// Connections is how many clients may be connected to each port. Default 1024.
	Connections int
}

// Deps is what a Collector uses of its surroundings.
type Deps struct {
	// ServerTLS makes a configuration that offers the given protocols, presents the
	// collector's certificate and requires one of the mesh. Nil leaves plaintext from
	// loopback as the only way in.
	ServerTLS func(alpn ...string) *tls.Config
	// Namespace is the namespace that a client has proved to be of, empty for none; it is the
	// tenant whose limits hold. Nil has what clients say of themselves stand for it.
	Namespace func(tls.ConnectionState) string
	// Watch, if set, is told of each TLS connection once its handshake is done, to end it
	// should its peer not be trusted any more.
	Watch func(*tls.Conn)
	// Logger is told of what a person should know. Nil discards.
	Logger *slog.Logger
}

const (
	minQueueItems = 10_000 // a batch must fit
	minMemoryMiB  = 64
)

// Default is the configuration of a collector that needs only Dir and Store.
func Default() Config {
	return Config{
		GRPC: ":4317", HTTP: ":4318",
		MemoryMiB: 768, QueueItems: 1_000_000, Connections: 1024, DecisionWait: 8 * time.Second,
	}
}

// Validate reports every field that cannot be used.
func (c Config) Validate() error {
	c = c.withDefaults()
	var bad []error
	if c.Dir == "" {
		bad = append(bad, errors.New("dir: must be set"))
	}
	bad = append(bad, c.storeFault(), c.tiersFault()) // nil is left out
	for name, address := range map[string]string{
		"grpc": c.GRPC, "http": c.HTTP, "zipkin": c.Zipkin, "jaegerGRPC": c.JaegerGRPC, "jaegerHTTP": c.JaegerHTTP,
	} {
		if address == "" {
			continue // off
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
		}
	}
	if c.MemoryMiB < minMemoryMiB {
		bad = append(bad, fmt.Errorf("memoryMiB: %d is less than %d", c.MemoryMiB, minMemoryMiB))
	}
	if c.QueueItems < minQueueItems {
		bad = append(bad, fmt.Errorf("queueItems: %d is less than %d", c.QueueItems, minQueueItems))
	}
	bad = append(bad, c.tailFault())
	if c.Connections < 1 {
		bad = append(bad, fmt.Errorf("connections: %d is less than 1", c.Connections))
	}
	if err := c.Limits.Validate(); err != nil {
		bad = append(bad, fmt.Errorf("limits: %w", err))
	}
	return errors.Join(bad...)
}

// maxDecisionWait bounds how long telemetry is held back, and with it what waits on disk.
const maxDecisionWait = time.Minute

func (c Config) tailFault() error {
	if c.TraceBudget == 0 {
		return nil
	}
	if c.DecisionWait < time.Second || c.DecisionWait > maxDecisionWait {
		return fmt.Errorf("decisionWait: %s is not between 1s and %s", c.DecisionWait, maxDecisionWait)
	}
	if err := (tail.Config{Budget: c.TraceBudget}).Validate(); err != nil {
		return fmt.Errorf("traceBudget: %w", err)
	}
	return nil
}

func (c Config) storeFault() error {
	u, err := url.Parse(c.Store)
	switch {
	case err != nil, u.Scheme == "", u.Host == "": // what was said may hold a password, and so may the fault
		return errors.New("store: not an address like http://host:8123/database")
	case c.StoreLimit > 0 && u.Query().Has("cluster"):
		return errors.New("storeLimit: a store on a cluster cannot have one; name a storage policy of its servers with storagePolicy")
	case c.ColdLimit > 0 && u.Query().Has("cluster"):
		return errors.New("coldLimit: a store on a cluster cannot have one")
	}
	return nil
}

func (c Config) tiers() clickhouse.Tiers {
	return clickhouse.Tiers{Policy: c.StoragePolicy, After: c.ColdAfter}
}

func (c Config) tiersFault() error {
	if err := c.tiers().Validate(); err != nil {
		return fmt.Errorf("storagePolicy, coldAfter: %w", err)
	}
	if c.ColdLimit > 0 && c.StoragePolicy == "" {
		return errors.New("coldLimit: want storagePolicy with it: no days go anywhere else")
	}
	return nil
}

// withDefaults is c with zero fields as in Default.
func (c Config) withDefaults() Config {
	d := Default()
	for _, f := range []struct{ field, to *string }{{&c.GRPC, &d.GRPC}, {&c.HTTP, &d.HTTP}} {
		if *f.field == "" {
			*f.field = *f.to
		}
	}
	for _, f := range []struct{ field, to *int }{
		{&c.MemoryMiB, &d.MemoryMiB}, {&c.QueueItems, &d.QueueItems}, {&c.Connections, &d.Connections},
	} {
		if *f.field == 0 {
			*f.field = *f.to
		}
	}
	c.Limits = c.Limits.WithDefaults()
	if c.DecisionWait == 0 {
		c.DecisionWait = d.DecisionWait
	}
	return c
}
