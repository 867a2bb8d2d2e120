package collector

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.Child()
	if os.Getenv(deciderDir) != "" {
		decideUntilKilled()
	}
	goleak.VerifyTestMain(m)
}

// start runs a collector until the test ends or stop is called.
func start(t *testing.T, c Config) (col *Collector, stop func()) {
	t.Helper()
	d := Deps{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	c.GRPC, c.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	col, err := New(c, d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- col.Run(ctx) }()
	select {
	case <-col.Ready():
	case err := <-done:
		cancel()
		t.Fatalf("Run: %v", err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return col, stop
}

func stamp(t time.Time) pcommon.Timestamp { return pcommon.NewTimestampFromTime(t) }

func dial(t *testing.T, col *Collector) *grpc.ClientConn {
	t.Helper()
	address, _ := col.Addresses()
	conn, err := grpc.NewClient(address.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// export sends n spans, n log records and n points.
func export(t *testing.T, conn *grpc.ClientConn, n int) {
	t.Helper()
	now := time.Now()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(signal.KeyService, "hello")
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("queue_length")
	points := m.SetEmptyGauge().DataPoints()
	spans, records := rs.ScopeSpans().AppendEmpty().Spans(), rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range n {
		span := spans.AppendEmpty()
		span.SetName("work")
		span.SetTraceID([16]byte{1, byte(i)})
		span.SetSpanID([8]byte{1, byte(i)})
		span.SetStartTimestamp(stamp(now))
		span.SetEndTimestamp(stamp(now.Add(time.Millisecond)))
		record := records.AppendEmpty()
		record.SetTimestamp(stamp(now))
		record.Body().SetStr("worked")
		point := points.AppendEmpty()
		point.SetTimestamp(stamp(now))
		point.Attributes().PutInt("n", int64(i))
		point.SetIntValue(int64(i))
	}
	if _, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
		t.Fatal(err)
	}
	if _, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld)); err != nil {
		t.Fatal(err)
	}
	if _, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(md)); err != nil {
		t.Fatal(err)
	}
}

// checkBooks fails unless each signal's account is n received, of which stored are
// stored and the rest queued.
func checkBooks(t *testing.T, col *Collector, n, stored uint64) {
	t.Helper()
	for _, p := range col.Accounting() {
		if p.Received != n || p.Stored != stored || p.Queued != n-stored || len(p.Dropped) != 0 {
			t.Errorf("%+v", p)
		}
	}
}

func storedAll(col *Collector, n uint64) bool {
	for _, p := range col.Accounting() {
		if p.Stored < n {
			return false
		}
	}
	return true
}

// until waits for what other processes do.
func until(t *testing.T, col *Collector, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain until %s; the books say %+v", what, col.Accounting())
		case <-tick.C:
		}
	}
}

// rowsOf counts what a table of the store holds.
func rowsOf(t *testing.T, col *Collector, table string) (n uint64) {
	t.Helper()
	s, err := col.connection.store()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Query(t.Context(), "SELECT count() FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// relay is an address that leads to a store which may move.
type relay struct {
	l  net.Listener
	mu sync.Mutex
	to string
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{l: l}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.pass(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return r
}

func (r *relay) lead(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

func (r *relay) pass(c net.Conn) {
	defer c.Close()
	r.mu.Lock()
	to := r.to
	r.mu.Unlock()
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{c, far}, {far, c}} {
		both.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			c.Close()
			far.Close()
		})
	}
	both.Wait()
}

// address is the relay as a store's address.
func (r *relay) address() string {
	u := url.URL{
		Scheme: "http", User: url.UserPassword(storetest.User, storetest.Password),
		Host: r.l.Addr().String(), Path: "/sightline",
	}
	return u.String()
}
