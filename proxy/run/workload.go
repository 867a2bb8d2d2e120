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

// Beside starts the app once the sidecar is ready, announces it once its port, if it
// has one, accepts, and ends it when ctx ends: first the requests under way, then the
// app, while its own calls still go out. It returns when the app has ended, with the
// app's exit status. Signals are passed on as they come.
func Beside(ctx context.Context, s Sidecar, app *App, port int, signals <-chan os.Signal) (int, error) {
	select {
	case <-s.Ready():
	case <-ctx.Done():
		return 0, nil
	}
	if err := app.Start(); err != nil {
		return 0, err
	}
	announced := make(chan struct{})
	waiting, stop := context.WithCancel(ctx)
	go func() {
		defer close(announced)
		// An app without a port only calls: announced, it would get its share of the
		// requests for its service and answer none.
		if port != 0 && app.AwaitPort(waiting, port) == nil {
			s.SetState(mesh.Ready)
		}
	}()
	err := watch(ctx, app, signals)
	stop()
	<-announced
	if ctx.Err() != nil && !over(app) {
		s.DrainInbound()
		err = errors.Join(err, app.Stop())
	}
	return app.Status(), err
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
