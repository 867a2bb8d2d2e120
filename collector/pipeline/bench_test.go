package pipeline

import (
	"log/slog"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// BenchmarkReceive is what a span costs from the socket through the queue on disk to an
// exporter that does nothing, sender included, in processor time.
func BenchmarkReceive(b *testing.B) {
	dir := b.TempDir()
	l := account.New()
	c := Config{
		Dir: dir, GRPCSocket: filepath.Join(dir, "g"), HTTPSocket: filepath.Join(dir, "h"),
		MemoryMiB: 2048, QueueItems: 1_000_000,
	}
	p := New(c, Deps{Exporter: exporterFactory(newStore(l)), Ledger: l, Logger: slog.New(slog.DiscardHandler)})
	done := make(chan error, 1)
	go func() { done <- p.Run(b.Context()) }()
	<-p.Ready()
	conn := dial(b, c.GRPCSocket)
	client := ptraceotlp.NewGRPCClient(conn)
	const size = 1024
	req := ptraceotlp.NewExportRequestFromTraces(spansOfASidecar(size))
	before := processorTime(b)
	for b.Loop() {
		if _, err := client.Export(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
	sent := uint64(b.N) * size
	for l.Accounting()[0].Stored < sent {
		time.Sleep(10 * time.Millisecond) // no bubble: the queue is on disk
	}
	b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(sent), "cpu-ns/span")
	conn.Close()
}

func spansOfASidecar(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(signal.KeyService, "gateway")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		s.SetName("GET reviews")
		s.SetTraceID(pcommon.TraceID{1, byte(i), byte(i >> 8)})
		s.SetSpanID(pcommon.SpanID{1, byte(i), byte(i >> 8)})
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		for _, key := range []string{
			signal.KeyReporter, signal.KeyPeer, signal.KeyPeerVer, signal.KeyPeerInst, signal.KeyPeerID, signal.KeyRoute,
			signal.KeyMethod, signal.KeyPath, signal.KeyAuthority, signal.KeyProtocol, signal.KeyRequestID, signal.KeyGenerated,
		} {
			s.Attributes().PutStr(key, "a-value-of-some-length")
		}
		s.Attributes().PutInt(signal.KeyStatus, 200)
	}
	return td
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
