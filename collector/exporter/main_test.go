package exporter

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	otelexporter "go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
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

// pipeline is the exporter's three ends on one store.
type pipeline struct {
	otelexporter.Traces
	otelexporter.Logs
	otelexporter.Metrics
}

// start makes the exporter, synchronous unless change says otherwise.
func start(t *testing.T, open Open, acc Accounting, change func(*Config)) pipeline {
	t.Helper()
	f := NewFactory(open, acc)
	c, ok := f.CreateDefaultConfig().(*Config)
	if !ok {
		t.Fatal("default configuration is not a *Config")
	}
	c.Queue = configoptional.None[exporterhelper.QueueBatchConfig]()
	c.Retry.Enabled = false
	if change != nil {
		change(c)
	}
	set := exportertest.NewNopSettings(f.Type())
	tr, err1 := f.CreateTraces(t.Context(), set, c)
	lg, err2 := f.CreateLogs(t.Context(), set, c)
	mt, err3 := f.CreateMetrics(t.Context(), set, c)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, e := range []component.Component{tr, lg, mt} {
		if err := e.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Shutdown(context.Background()); err != nil {
				t.Error("shutdown:", err)
			}
		})
	}
	return pipeline{tr, lg, mt}
}

// startOn is start on a fresh engine.
func startOn(t *testing.T) (pipeline, *clickhouse.Store, *books) {
	t.Helper()
	s, acc := clickhousetest.Open(t, storetest.Start(t)), newBooks()
	return start(t, func() (*clickhouse.Store, error) { return s, nil }, acc, nil), s, acc
}
