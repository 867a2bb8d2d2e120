package run

import (
	"context"
	"errors"
	"os"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Sidecar is what the app runs beside.
type Sidecar interface {
	// Ready is closed once requests of the app can be carried.
	Ready() <-chan struct{}
	// SetState tells the mesh whether the app takes requests.
	SetState(mesh.InstanceState)
	// DrainInbound takes no new requests for the app and waits, within the sidecar's
	// drain time, for those under way.
	DrainInbound()
}

// Beside starts the app once the sidecar is ready, announces it once it takes requests,
// and ends it when ctx ends: first the requests under way, then the app, while its own
// calls still go out. An app that ends by itself is taken out of the mesh before Beside
// returns. It returns when the app has ended, with the app's exit status. Signals are
// passed on as they come. An app that takes no requests in the probe's time is ended,
// and that is an error.
func Beside(ctx context.Context, s Sidecar, app *App, p Probe, signals <-chan os.Signal) (int, error) {
	select {
	case <-s.Ready():
	case <-ctx.Done():
		return 0, nil
	}
	if err := app.Start(); err != nil {
		return 0, err
	}
	alive, end := context.WithCancelCause(ctx)
	announced := make(chan struct{})
	go func() {
		defer close(announced)
		if err := announce(alive, s, p); err != nil {
			end(err)
		}
	}()
	err := watch(alive, app, signals)
	late := context.Cause(alive) // nil when the app ended
	end(nil)
	<-announced
	if len(p.Ports) > 0 {
		s.DrainInbound()
	}
	if !over(app) {
		err = errors.Join(err, app.Stop())
	}
	if ctx.Err() == nil && late != nil {
		return max(app.Status(), 1), errors.Join(late, err)
	}
	return app.Status(), err
}

// Alone stands for an app that somebody else starts: it announces the instance once the
// app takes requests, and drains when ctx ends.
func Alone(ctx context.Context, s Sidecar, p Probe) error {
	select {
	case <-s.Ready():
	case <-ctx.Done():
		return nil
	}
	err := announce(ctx, s, p)
	if err == nil {
		<-ctx.Done()
	}
	s.DrainInbound()
	return err
}

// announce tells the mesh of an app once it takes requests. It fails when that takes too
// long; it does not when ctx ends.
func announce(ctx context.Context, s Sidecar, p Probe) error {
	// An app without a port only calls: announced, it would get its share of the
	// requests for its service and answer none.
	if len(p.Ports) == 0 {
		return nil
	}
	err := p.Await(ctx)
	switch {
	case err == nil:
		s.SetState(mesh.Ready)
	case ctx.Err() == nil:
		return err
	}
	return nil
}

// watch passes signals on until the app or ctx ends.
func watch(ctx context.Context, app *App, signals <-chan os.Signal) error {
	for {
		select {
		case <-app.Ended():
			return nil
		case <-ctx.Done():
			return nil
		case sig := <-signals:
			if err := app.Signal(sig); err != nil {
				return err
			}
		}
	}
}

func over(app *App) bool {
	select {
	case <-app.Ended():
		return true
	default:
		return false
	}
}
