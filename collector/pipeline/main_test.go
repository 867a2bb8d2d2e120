package pipeline

import (
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/admit"
	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/queue"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedEnv); dir != "" {
		runUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// store is what the exporter under test writes to.
type store struct {
	ledger *account.Ledger
	away   atomic.Bool // answers with an error that passes
	broken atomic.Bool // answers with an error that does not

	mu    sync.Mutex
	names map[string]int // of spans, and how often each was stored
}

func newStore(l *account.Ledger) *store { return &store{ledger: l, names: map[string]int{}} }

func (s *store) take(name string, n int, keep func()) error {
	switch {
	case s.away.Load():
		return errors.New("connection refused")
	case s.broken.Load():
		s.ledger.Dropped(name, "malformed", n)
		return consumererror.NewPermanent(errors.New("no such column"))
	}
	s.mu.Lock()
	keep()
	s.mu.Unlock()
	s.ledger.Stored(name, n)
	return nil
}

func (s *store) pushTraces(_ context.Context, td ptrace.Traces) error {
	return s.take(account.Traces, td.SpanCount(), func() {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					s.names[span.Name()]++
				}
			}
		}
	})
}

func (s *store) spans() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.names)
}

// exporterFactory makes exporters that write to s.
func exporterFactory(s *store) exporter.Factory {
	of := func(c component.Config) queue.Config { return *c.(*queue.Config) }
	return exporter.NewFactory(component.MustNewType("sightline"), func() component.Config {
		c := queue.Default()
		return &c
	},
		exporter.WithTraces(func(_ context.Context, set exporter.Settings, c component.Config) (exporter.Traces, error) {
			return queue.NewTraces(of(c), depsOf(s, account.Traces, set, s.pushTraces)), nil
		}, component.StabilityLevelStable),
		exporter.WithLogs(func(_ context.Context, set exporter.Settings, c component.Config) (exporter.Logs, error) {
			return queue.NewLogs(of(c), depsOf(s, account.Logs, set, func(_ context.Context, ld plog.Logs) error {
				return s.take(account.Logs, ld.LogRecordCount(), func() {})
			})), nil
		}, component.StabilityLevelStable),
		exporter.WithMetrics(func(_ context.Context, set exporter.Settings, c component.Config) (exporter.Metrics, error) {
			return queue.NewMetrics(of(c), depsOf(s, account.Metrics, set, func(_ context.Context, md pmetric.Metrics) error {
				return s.take(account.Metrics, md.DataPointCount(), func() {})
			})), nil
		}, component.StabilityLevelStable),
	)
}

func depsOf[T any](s *store, signal string, set exporter.Settings, push func(context.Context, T) error) queue.Deps[T] {
	return queue.Deps[T]{
		Prepare: func(c queue.Content[T], _ string) func(context.Context) error {
			return func(ctx context.Context) error { return push(ctx, c.Request) }
		},
		Books: signalBooks{s.ledger, signal}, Log: set.Logger,
	}
}

type signalBooks struct {
	*account.Ledger
	signal string
}

func (b signalBooks) Received(n int)               { b.Ledger.Received(b.signal, n) }
func (b signalBooks) Dropped(reason string, n int) { b.Ledger.Dropped(b.signal, reason, n) }

// running is a pipeline under test and a client of it.
type running struct {
	store  *store
	ledger *account.Ledger
	front  *front
	client ptraceotlp.GRPCClient
	stop   func()
}

// socketDir is a directory of a short path, since those of sockets are limited.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sl") //nolint:usetesting // a test's own directory has its long name in the path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func testConfig(t *testing.T, dir string) Config {
	t.Helper()
	sockets := socketDir(t)
	return Config{
		Dir: dir, GRPCSocket: filepath.Join(sockets, "g"), HTTPSocket: filepath.Join(sockets, "h"),
		MemoryMiB: 1024, QueueItems: 20000,
	}
}

// start runs a pipeline whose store is prepared by the given functions, and which takes
// as many names of spans as come.
func start(t *testing.T, c Config, prepare ...func(*store)) *running {
	t.Helper()
	return startLimited(t, c, limits.Config{Caps: limits.Caps{SpanNames: limits.None}}, prepare...)
}

func startLimited(t *testing.T, c Config, most limits.Config, prepare ...func(*store)) *running {
	t.Helper()
	r := &running{ledger: account.New()}
	r.store = newStore(r.ledger)
	for _, f := range prepare {
		f(r.store)
	}
	p := New(c, Deps{
		Exporter: exporterFactory(r.store), Ledger: r.ledger,
		Admission: admit.New(most.WithDefaults()), Logger: testLogger(t),
	})
	r.front = p.front
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	select {
	case <-p.Ready():
	case err := <-done:
		cancel()
		t.Fatalf("Run: %v", err)
	}
	conn := dial(t, c.GRPCSocket)
	r.client = ptraceotlp.NewGRPCClient(conn)
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			conn.Close()
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

func dial(t testing.TB, socket string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///unix",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// send exports one span of each name.
func (r *running) send(ctx context.Context, names ...string) error {
	return export(ctx, r.client, names...)
}

func export(ctx context.Context, client ptraceotlp.GRPCClient, names ...string) error {
	_, err := client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(spans(names...)))
	return err
}

// spans are one of each name.
func spans(names ...string) ptrace.Traces {
	td := ptrace.NewTraces()
	all := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, name := range names {
		all.AppendEmpty().SetName(name)
	}
	return td
}

func (r *running) traces() signal.Pipeline { return r.ledger.Accounting()[0] }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition that another process or the network brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}
