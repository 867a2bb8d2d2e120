package restart

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/proxy/handover"
)

// Follow runs a sidecar as the heir it is, until the process that started it says that
// it shall end, or has gone.
func Follow(s Sidecar, e *handover.Estate) error {
	control, err := handover.Connection(e.Control)
	if err != nil {
		return err
	}
	f := &follower{Sidecar: s, estate: e, control: control}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	var g errgroup.Group
	g.Go(func() error {
		defer func() { _ = control.Close() }() // ends what listens and tells
		err := s.Run(ctx)
		if g := f.giver.Load(); g != nil {
			err = errors.Join(err, g.Close())
		}
		return err
	})
	g.Go(func() error {
		defer end()
		return f.listen(ctx)
	})
	g.Go(func() error { return f.tell(ctx) })
	return g.Wait()
}

type follower struct {
	Sidecar

	estate  *handover.Estate
	control *net.UnixConn
	giver   atomic.Pointer[handover.Giver] // set before Run is told to end
	drains  errgroup.Group
}

// tell says how far the sidecar is.
func (f *follower) tell(ctx context.Context) error {
	for _, news := range []struct {
		when <-chan struct{}
		line string
	}{{f.Ready(), lineReady}, {f.Leaving(), lineLeaving}} {
		select {
		case <-news.when:
			if err := f.say(news.line); err != nil {
				return nil //nolint:nilerr // listen sees the end of the connection
			}
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

func (f *follower) say(line string) error {
	_, err := f.control.Write([]byte(line + "\n"))
	return err
}

// listen does what it is told until there is nobody to tell, or the sidecar is to end.
func (f *follower) listen(ctx context.Context) error {
	defer func() { _ = f.drains.Wait() }() // they return nil
	select {
	case <-f.Ready():
	case <-ctx.Done():
		return nil
	}
	for lines := bufio.NewScanner(f.control); lines.Scan(); {
		line := lines.Text()
		if state, ok := stateIn(line); ok {
			f.SetState(state)
			continue
		}
		switch line {
		case lineDrain:
			f.drains.Go(func() error {
				f.DrainInbound()
				_ = f.say(lineDrained) // who does not hear it has ended
				return nil
			})
		case lineYield:
			return f.yield()
		default:
			return fmt.Errorf("control connection: %q is not understood", line)
		}
	}
	return nil
}

func (f *follower) yield() error {
	giver, err := giverTo(f.estate.Give, f.estate.Will.Listeners)
	if err != nil {
		return err
	}
	f.giver.Store(giver)
	f.Yield(giver.Give)
	return nil
}
