package exporter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	otelexporter "go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/queue"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.Child()
	goleak.VerifyTestMain(m)
}

// books is an Accounting that remembers.
type books struct {
	mu      sync.Mutex
	stored  map[string]int
	dropped map[string]int
}

func newBooks() *books { return &books{stored: map[string]int{}, dropped: map[string]int{}} }

func (*books) Received(string, int) {}

func (b *books) Stored(signal string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored[signal] += n
}

func (b *books) Dropped(signal, reason string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropped[signal+" "+reason] += n
}

func (b *books) count() (stored, dropped map[string]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.stored), maps.Clone(b.dropped)
}

// spansIn are the rows of a request, and what else spanRows makes of it.
func spansIn(td ptrace.Traces) (rows []clickhouse.SpanRow, edges []clickhouse.REDRow, dropped drops) {
	edges, dropped = spanRows(td, clock{time.Now()}, func(r *clickhouse.SpanRow) { rows = append(rows, *r) })
	return rows, edges, dropped
}

// logsIn are the rows of a request.
func logsIn(ld plog.Logs) (rows []clickhouse.LogRow, dropped drops) {
	dropped = logRows(ld, clock{time.Now()}, func(r *clickhouse.LogRow) { rows = append(rows, *r) })
	return rows, dropped
}

// direct stores requests as they come, each under the name of its content, and tells how
// that ended.
type direct struct{ *sink }

func (d direct) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	content, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	return d.consume(ctx, content, err, func(name string) batch { return traceBatch([]queue.Part{renderSpans(td)}, name) })
}

func (d direct) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	content, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	return d.consume(ctx, content, err, func(name string) batch { return logBatch([]queue.Part{renderLogs(ld)}, name) })
}

func (d direct) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	content, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	return d.consume(ctx, content, err, func(name string) batch { return metricBatch(md, name) })
}

func (d direct) consume(ctx context.Context, content []byte, err error, of func(name string) batch) error {
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	return d.deliver(ctx, of(hex.EncodeToString(sum[:])))
}

// start makes an exporter without its queue.
func start(open Open, acc Accounting) direct { return direct{&sink{open: open, acc: acc}} }

// startQueue makes the exporter of spans with its queue, small batches and little patience.
func startQueue(t *testing.T, open Open, acc Accounting, dir string) otelexporter.Traces {
	t.Helper()
	f := NewFactory(open, acc, Decisions{})
	c, ok := f.CreateDefaultConfig().(*queue.Config)
	if !ok {
		t.Fatal("default configuration is not a *queue.Config")
	}
	c.Directory, c.BatchItems, c.BatchWait = dir, 100, 20*time.Millisecond
	c.RetryFirst, c.RetryMost, c.Timeout = 20*time.Millisecond, 100*time.Millisecond, patience
	e, err := f.CreateTraces(t.Context(), exportertest.NewNopSettings(f.Type()), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Shutdown(context.Background()); err != nil {
			t.Error("shutdown:", err)
		}
	})
	return e
}

// startOn is start on a fresh engine.
func startOn(t *testing.T) (direct, *clickhouse.Store, *books) {
	t.Helper()
	s, acc := clickhousetest.Open(t, storetest.Start(t)), newBooks()
	return start(func() (*clickhouse.Store, error) { return s, nil }, acc), s, acc
}
