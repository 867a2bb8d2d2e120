package restart

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/handover"
)

// Sidecar is a sidecar in this process.
type Sidecar interface {
	// Ready is closed once requests can be carried.
	Ready() <-chan struct{}
	// Leaving is closed once a drain has begun.
	Leaving() <-chan struct{}
	SetState(s mesh.InstanceState)
	// DrainInbound takes no more requests for the app and waits for those under way.
	DrainInbound()
	// Run carries requests until ctx ends, and what is under way to its end.
	Run(ctx context.Context) error
	// Yield says that another process goes on, which takes what give passes to it. Run's
	// context is ended after it.
	Yield(give func(c net.Conn, listener string) bool)
	// Estate is what an heir needs of it, but for the connections between processes. Its
	// descriptors stay open when the sidecar has ended. Only before Run ends.
	Estate() (*handover.Estate, error)
}

// generation is one process's turn at being the sidecar.
type generation interface {
	setState(s mesh.InstanceState)
	drainInbound()
	leaving() bool
	// yield has it end while its heir goes on, who knows the listeners by these names.
	yield(listeners []string) error
	// end has it end.
	end()
	// kill ends it at once.
	kill()
	// ended is closed when it has ended; err is valid then.
	ended() <-chan struct{}
	err() error
	// toHeir is where its heir takes connections from. It stays this generation's.
	toHeir() *os.File
}

// local is the first generation: this very process.
type local struct {
	Sidecar

	over   chan struct{}
	result error // read after over
	stop   context.CancelFunc

	near, far *os.File
	giver     atomic.Pointer[handover.Giver] // set before Run is told to end
}

func newLocal(ctx context.Context, s Sidecar) (*local, error) {
	near, far, err := handover.Pair()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	l := &local{Sidecar: s, over: make(chan struct{}), stop: stop, near: near, far: far}
	go func() { // Supervisor.Run waits for over
		defer close(l.over)
		l.result = s.Run(ctx)
		if g := l.giver.Load(); g != nil {
			l.result = errors.Join(l.result, g.Close())
		}
	}()
	return l, nil
}

func (l *local) setState(s mesh.InstanceState) { l.SetState(s) }
func (l *local) drainInbound()                 { l.DrainInbound() }
func (l *local) end()                          { l.stop() }
func (l *local) kill()                         { l.stop() }
func (l *local) ended() <-chan struct{}        { return l.over }
func (l *local) err() error                    { return l.result }
func (l *local) toHeir() *os.File              { return l.far }

func (l *local) leaving() bool {
	select {
	case <-l.Leaving():
		return true
	default:
		return false
	}
}

func (l *local) yield(listeners []string) error {
	defer l.stop()
	giver, err := giverTo(l.near, listeners)
	if err != nil {
		return err
	}
	l.giver.Store(giver)
	l.Yield(giver.Give)
	return nil
}

// giverTo passes a sidecar's connections on through a pair's end.
func giverTo(near *os.File, listeners []string) (*handover.Giver, error) {
	to, err := handover.Connection(near)
	if err != nil {
		return nil, fmt.Errorf("pass connections on: %w", err)
	}
	return handover.NewGiver(to, listeners)
}
