package pipeline

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/stats"
)

// mostCalls is how many calls over gRPC are read, decoded and put on disk at a time. Others
// wait with nothing but their headers and what a window of flow control lets in: 64 KiB.
const mostCalls = 32

// turns has calls wait until it is their turn. Interceptors would come too late, as gRPC asks
// them when it has read and decoded a message; of its statistics it tells before, in the call's
// own goroutine, which may wait.
type turns struct{ free *semaphore.Weighted }

var _ stats.Handler = (*turns)(nil)

func newTurns() *turns { return &turns{semaphore.NewWeighted(mostCalls)} }

// turn is a call's.
type turn struct {
	giveBack sync.Once
	late     *time.Timer // nil until it is the call's turn
}

type turnKey struct{}

// TagRPC implements stats.Handler.
func (*turns) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, turnKey{}, &turn{})
}

// HandleRPC implements stats.Handler.
func (t *turns) HandleRPC(ctx context.Context, s stats.RPCStats) {
	own, ok := ctx.Value(turnKey{}).(*turn)
	if !ok {
		return
	}
	switch s := s.(type) {
	case *stats.Begin:
		if !s.IsClientStream && !s.IsServerStream {
			t.take(ctx, own)
		}
	case *stats.End:
		t.end(own)
	}
}

// TagConn implements stats.Handler.
func (*turns) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (*turns) HandleConn(context.Context, stats.ConnStats) {}

// take waits. A call that has come to an end meanwhile has no turn, and finds out itself. One
// whose message stalls has it for no longer than a body over HTTP may be on its way.
func (t *turns) take(ctx context.Context, own *turn) {
	if t.free.Acquire(ctx, 1) == nil {
		own.late = time.AfterFunc(readTime, func() { t.release(own) })
	}
}

func (t *turns) end(own *turn) {
	if own.late != nil {
		own.late.Stop()
		t.release(own)
	}
}

func (t *turns) release(own *turn) { own.giveBack.Do(func() { t.free.Release(1) }) }
