package pipeline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/stats"
)

// begin begins a call of a kind; it has its turn when the channel is closed.
func begin(ctx context.Context, t *turns, kind stats.Begin) (call context.Context, turn chan struct{}) {
	call, turn = t.TagRPC(ctx, &stats.RPCTagInfo{}), make(chan struct{})
	go func() {
		t.HandleRPC(call, &kind)
		close(turn)
	}()
	synctest.Wait()
	return call, turn
}

func has(turn chan struct{}) bool {
	select {
	case <-turn:
		return true
	default:
		return false
	}
}

// Calls wait for a turn, which those give back that have ended, once, or that stall; who goes
// waits no longer.
func TestCallsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newTurns()
		calls := make([]context.Context, mostCalls)
		for i := range calls {
			var turn chan struct{}
			if calls[i], turn = begin(t.Context(), all, stats.Begin{}); !has(turn) {
				t.Fatalf("call %d waits", i)
			}
		}
		_, next := begin(t.Context(), all, stats.Begin{})
		gone, leave := context.WithCancel(t.Context())
		left, nobody := begin(gone, all, stats.Begin{})
		if has(next) || has(nobody) {
			t.Error("more calls have a turn than there are")
		}
		if _, stream := begin(t.Context(), all, stats.Begin{IsClientStream: true}); !has(stream) {
			t.Error("a stream waits, which has no end")
		}
		leave()
		synctest.Wait()
		if !has(nobody) {
			t.Error("who went waits")
		}
		all.HandleRPC(left, &stats.End{})
		all.HandleRPC(calls[0], &stats.End{})
		synctest.Wait()
		if !has(next) {
			t.Error("the turn of a call that ended is lost")
		}
		_, last := begin(t.Context(), all, stats.Begin{})
		if has(last) {
			t.Error("a turn was given back twice")
		}
		time.Sleep(readTime)
		synctest.Wait()
		if !has(last) {
			t.Error("calls that stall keep their turns")
		}
		for _, call := range calls {
			all.HandleRPC(call, &stats.End{})
		}
		if !all.free.TryAcquire(mostCalls-1) || all.free.TryAcquire(1) { // but for the last's
			t.Error("turns are lost, or there are more of them")
		}
	})
}

// Senders over gRPC wait while others have all turns, and are taken then.
func TestSendersTakeTurns(t *testing.T) {
	r := start(t, testConfig(t, t.TempDir()))
	must(t, r.front.turns.free.Acquire(t.Context(), mostCalls))
	var all errgroup.Group
	for range 2 * mostCalls {
		all.Go(func() error {
			_, err := r.client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(spans("a")))
			return err
		})
	}
	waits, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := r.send(waits, "b"); err == nil || r.traces().Received != 0 {
		t.Errorf("without a turn it is told %v, %d are received", err, r.traces().Received)
	}
	r.front.turns.free.Release(mostCalls)
	must(t, all.Wait())
	until(t, "all are stored", func() bool { return r.traces().Stored >= 2*mostCalls })
	until(t, "all turns are given back", func() bool { return r.front.turns.free.TryAcquire(mostCalls) })
}
