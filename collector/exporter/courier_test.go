package exporter

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/inflight"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// TestKilledCollectorIsFollowedByOneThatStoresOnce has a batch of two requests in flight
// when the process is killed: before the store had it, after it had it, and after the batch
// was over but still in the queue. The next process reads the requests from the queue in
// other batches. In the end each is stored once, in the tables that views fill too.
func TestKilledCollectorIsFollowedByOneThatStoresOnce(t *testing.T) {
	dsn := storetest.Start(t)
	s := clickhousetest.Open(t, dsn)
	open := func() (*clickhouse.Store, error) { return s, s.Ping(t.Context()) }
	at := recently()
	id := uint64(0)
	for name, until := range map[string]stage{
		"killed before it was stored": begun,
		"killed after it was stored":  stored,
		"killed when it was over":     over,
	} {
		t.Run(name, func(t *testing.T) {
			first, second, third := id+1, id+2, id+3
			id += 3
			request := func(ids ...uint64) ptrace.Traces {
				td := ptrace.NewTraces()
				for _, n := range ids {
					fiveSpans(n, at.Add(time.Duration(n)*time.Millisecond), 200).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
				}
				return td
			}
			counts := func() (all []uint64) {
				for _, query := range []string{
					"SELECT count() FROM spans", "SELECT toUInt64(sum(spans)) FROM trace_index",
					"SELECT toUInt64(sum(requests)) FROM red_1m WHERE reporter = 'app'",
				} {
					all = append(all, count(t, s, query))
				}
				return all
			}
			was := counts()
			dir, f, acc := t.TempDir(), traceForm(), newBooks()
			if err := leave(t.Context(), dir, request(first, second), s, until); err != nil {
				t.Fatal(err)
			}
			next := newCourier(&sink{open: open, acc: acc}, f, &Config{InFlight: dir, Queue: configoptional.Some(exporterhelper.NewDefaultQueueConfig())},
				exportertest.NewNopSettings(NewFactory(open, acc).Type()))
			if err := next.start(t.Context(), componenttest.NewNopHost()); err != nil {
				t.Fatal(err)
			}
			for _, td := range []ptrace.Traces{request(third, first), request(second)} {
				if err := next.consume(t.Context(), td); err != nil {
					t.Fatal(err)
				}
			}
			got := counts()
			for i := range got {
				got[i] -= was[i]
			}
			if diff := cmp.Diff([]uint64{15, 15, 3}, got); diff != "" {
				t.Errorf("spans, index and red_1m have more (-want +got):\n%s", diff)
			}
			if kept, dropped := acc.count(); kept["traces"] != 15 || len(dropped) > 0 {
				t.Errorf("books: stored %v, dropped %v; want 15", kept, dropped)
			}
		})
	}
}

// stage is how far a batch came.
type stage int

const (
	begun stage = iota
	stored
	over
)

// leave makes a directory as a process leaves it that was killed over a batch.
func leave(ctx context.Context, dir string, td ptrace.Traces, s *clickhouse.Store, until stage) error {
	f := traceForm()
	content, err := f.encode(td)
	if err != nil {
		return err
	}
	parts, err := inflight.Parts(content)
	if err != nil {
		return err
	}
	l, err := inflight.Open(dir, 100)
	if err != nil {
		return err
	}
	name := f.name(td, content)
	if err := l.Begin(name, content, parts); err != nil {
		return err
	}
	if until >= stored {
		err = f.batch(td, name).store(ctx, s)
	}
	if until >= over {
		err = errors.Join(err, l.Over(name))
	}
	return err
}

// Of each signal some parts can be taken out and come back as they were.
func TestFormsPick(t *testing.T) {
	td := ptrace.NewTraces()
	ld := plog.NewLogs()
	md := pmetric.NewMetrics()
	for _, name := range []string{"a", "b", "c"} {
		td.ResourceSpans().AppendEmpty().Resource().Attributes().PutStr("n", name)
		ld.ResourceLogs().AppendEmpty().Resource().Attributes().PutStr("n", name)
		md.ResourceMetrics().AppendEmpty().Resource().Attributes().PutStr("n", name)
	}
	checkPick(t, traceForm(), td)
	checkPick(t, logForm(), ld)
	checkPick(t, metricForm(), md)
}

func checkPick[T any](t *testing.T, f form[T], request T) {
	t.Helper()
	hashes := func(r T) []uint64 {
		content, err := f.encode(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := f.decode(content)
		if err != nil {
			t.Fatal(err)
		}
		if content, err = f.encode(again); err != nil {
			t.Fatal(err)
		}
		parts, err := inflight.Parts(content)
		if err != nil {
			t.Fatal(err)
		}
		return parts
	}
	all := hashes(request)
	if diff := cmp.Diff([]uint64{all[0], all[2]}, hashes(f.pick(request, func(part int) bool { return part != 1 }))); diff != "" || len(all) != 3 {
		t.Errorf("%T: parts (-want +got):\n%s", request, diff)
	}
}
