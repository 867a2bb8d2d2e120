package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Config says where the store is and how much one question may cost. Zero fields
// have the defaults named beside them.
type Config struct {
	// DSN is http://, https:// or clickhouse://, with the database as path. Of its
	// parameters, cluster names the servers' cluster that the tables are spread over, and
	// socket the path of a Unix socket to connect to in place of the host.
	DSN          string
	QueryTimeout time.Duration // longest time of one query or insert; 30 s
	QueryMemory  uint64        // most memory of one query in bytes; 2 GiB
	QueryRows    uint64        // most rows one query may read; 2,000 million
	MaxConns     int           // connections to the engine; 8
	Tiers        Tiers         // where old days go, for who migrates; nowhere
}

// Store reads and writes the mesh's tables. It is safe for concurrent use.
type Store struct {
	cfg       Config
	database  string
	cluster   cluster // zero on one server
	conn      driver.Conn
	admin     driver.Conn // outside the database, which Migrate may have to create
	known     written[seriesDay]
	described written[metadataRow]
	damage    lately
	spreads   lastSpread
	tiers     sync.Map              // by table, the Tiers that this store last gave it
	since     atomic.Pointer[int64] // of edges, once it was asked for
	plain     bool                  // over HTTP, where a batch may name its columns' types, and the engine converts them
}

// Open prepares a store; it makes no connection yet, so the engine may start later.
func Open(_ context.Context, cfg Config) (*Store, error) {
	cfg = withDefaults(cfg)
	if err := cfg.Tiers.Validate(); err != nil {
		return nil, err
	}
	opt, on, err := parse(cfg.DSN)
	if err != nil {
		return nil, fmt.Errorf("parse store address: %w", err)
	}
	opt.MaxOpenConns, opt.MaxIdleConns = cfg.MaxConns, cfg.MaxConns
	conn, err := clickhouse.Open(opt)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	outside := *opt
	outside.Auth.Database = "default"
	outside.MaxOpenConns, outside.MaxIdleConns = 1, 1
	admin, err := clickhouse.Open(&outside)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), conn.Close())
	}
	return &Store{
		cfg: cfg, database: opt.Auth.Database, cluster: on, conn: conn, admin: admin,
		known: written[seriesDay]{most: knownSeries}, described: written[metadataRow]{most: knownMetadata},
		plain: opt.Protocol == clickhouse.HTTP,
	}, nil
}

// parse reads a DSN. The driver takes any scheme that it does not know for its native
// protocol, which would fail much later and in other words.
func parse(dsn string) (*clickhouse.Options, cluster, error) {
	switch scheme, _, _ := strings.Cut(dsn, "://"); scheme {
	case "http", "https", "clickhouse":
	default:
		return nil, cluster{}, errors.New("want http://, https:// or clickhouse://")
	}
	opt, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, cluster{}, err
	}
	if opt.Auth.Database == "" {
		return nil, cluster{}, errors.New("no database named; want http://host:8123/sightline")
	}
	if opt.DialTimeout == 0 {
		opt.DialTimeout = dialTimeout
	}
	if err := overSocket(opt); err != nil {
		return nil, cluster{}, err
	}
	name, ok := opt.Settings[clusterParameter]
	if !ok {
		return opt, cluster{}, nil
	}
	delete(opt.Settings, clusterParameter) // the driver takes what it does not know for a setting
	on := cluster{name: fmt.Sprint(name), database: opt.Auth.Database}
	if err := on.check(); err != nil {
		return nil, cluster{}, err
	}
	// An acknowledgement means stored; what a query brings together lies on one shard.
	opt.Settings["distributed_foreground_insert"] = 1
	opt.Settings["distributed_product_mode"] = "local"
	return opt, on, nil
}

// Parameters of a DSN that are not the driver's: the name of a cluster, and the path of the
// Unix socket that the server listens on, in place of the address.
const (
	clusterParameter = "cluster"
	socketParameter  = "socket"
)

// overSocket has the driver connect to the socket that the DSN names, if any.
func overSocket(opt *clickhouse.Options) error {
	said, ok := opt.Settings[socketParameter]
	if !ok {
		return nil
	}
	delete(opt.Settings, socketParameter) // the driver takes what it does not know for a setting
	path := fmt.Sprint(said)
	if !filepath.IsAbs(path) {
		return fmt.Errorf("socket %q: want an absolute path", path)
	}
	opt.DialContext = func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: opt.DialTimeout}).DialContext(ctx, "unix", path)
	}
	return nil
}

// dialTimeout bounds a try to connect where the address does not say dial_timeout. The
// driver's native protocol does not end one with its context, and its default of 30 s
// would hold up an ending for as long.
const dialTimeout = 5 * time.Second

func withDefaults(c Config) Config {
	if c.QueryTimeout <= 0 {
		c.QueryTimeout = 30 * time.Second
	}
	if c.QueryMemory == 0 {
		c.QueryMemory = 2 << 30
	}
	if c.QueryRows == 0 {
		c.QueryRows = 2_000_000_000
	}
	if c.MaxConns <= 0 {
		c.MaxConns = 8
	}
	return c
}

// Ping asks whether the engine answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.admin.Ping(ctx); err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}

// Query runs one statement from a .sql file of a package under collector, with the
// store's budgets; parameters are written {name:Type} and given by Param. The caller
// closes the rows.
func (s *Store) Query(ctx context.Context, statement string, params ...any) (driver.Rows, error) {
	statement = s.withSpans(ctx, statement)
	if err := s.explain(ctx, statement, params); err != nil {
		return nil, err
	}
	return s.conn.Query(s.budget(ctx), statement, params...)
}

// Param names a value for the {name:Type} of a statement. Times travel best as
// integers since the Unix epoch, in the unit that the statement says.
func Param(name string, value any) any { return clickhouse.Named(name, value) }

// Close gives the connections back. Queries under way fail.
func (s *Store) Close() error {
	if err := errors.Join(s.conn.Close(), s.admin.Close()); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// What a thread reads at the least before there is another: granules have a quarter of the
// engine's usual rows, and fewer, so that a question is about less of them, too.
const (
	rowsOfThread  = 16 << 10
	bytesOfThread = 2 << 20
)

// budget bounds what a question may cost the engine; the engine ends it then.
func (s *Store) budget(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_execution_time": int(max(s.cfg.QueryTimeout/time.Second, 1)),
		"max_memory_usage":   s.cfg.QueryMemory,
		"max_rows_to_read":   s.cfg.QueryRows,

		"merge_tree_min_rows_for_concurrent_read":  rowsOfThread,
		"merge_tree_min_bytes_for_concurrent_read": bytesOfThread,
	}))
}
