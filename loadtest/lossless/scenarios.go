package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// scenario is something that happens to a mesh under load. It leaves the mesh whole.
type scenario struct {
	name string
	play func(ctx context.Context, m *mesh) error
	// unsafe says that instances are killed: a request that must not be repeated is lost
	// with the instance it was at.
	unsafe bool
}

var scenarios = []scenario{
	{name: "rolling-restart", play: rollingRestart},
	{name: "hot-restart", play: hotRestart},
	{name: "drain", play: drain},
	{name: "churn", play: churn},
	{name: "control-plane-killed", play: controlPlaneKilled},
	{name: "certificates-renewed", play: certificatesRenewed},
	{name: "instance-killed", play: instanceKilled, unsafe: true},
	{name: "collector-away", play: collectorAway},
	{name: "root-rotated", play: rootRotated},
}

// rollingRestart restarts every workload that takes requests, one after the other.
func rollingRestart(ctx context.Context, m *mesh) error {
	for _, w := range m.apps() {
		if err := w.restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hotRestart replaces every sidecar by a new process, the caller's too, while its app
// runs on.
func hotRestart(ctx context.Context, m *mesh) error {
	for _, w := range m.all() {
		before := 0
		if w.app != "" {
			var err error
			if before, err = w.pid(ctx); err != nil {
				return err
			}
		}
		c := exec.CommandContext(ctx, filepath.Join(m.bin, "sightline-proxy"), "restart", "--dir", w.dir())
		if said, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("restart %s: %w: %s", w.instance, err, said)
		}
		if w.app == "" {
			continue
		}
		if after, err := w.pid(ctx); err != nil || after != before {
			return fmt.Errorf("the app of %s was process %d and is %d: %w", w.instance, before, after, err)
		}
		if err := w.serves(ctx); err != nil {
			return err
		}
	}
	return nil
}

// drain has one instance of each service finish what it has and take no more, and then
// start again.
func drain(ctx context.Context, m *mesh) error {
	for _, w := range []*workload{m.front[0], m.shop[0]} {
		if _, err := ask(ctx, http.MethodPost, w.admin, "/drain"); err != nil {
			return err
		}
		if _, err := ask(ctx, http.MethodGet, w.admin, "/readyz"); err == nil {
			return fmt.Errorf("%s is drained and says that it is ready", w.instance)
		}
		if err := w.quiet(ctx); err != nil {
			return err
		}
		if err := w.restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

// quiet waits until no more requests come to the app.
func (w *workload) quiet(ctx context.Context) error {
	last, since := -1, time.Now()
	err := proc.Await(ctx, patience, func(ctx context.Context) error {
		n, err := w.served(ctx)
		if err != nil {
			return err
		}
		if n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) < time.Second {
			return errors.New("requests still come to it")
		}
		return nil
	}, w.process)
	if err != nil {
		return fmt.Errorf("drain %s: %w", w.instance, err)
	}
	return nil
}

// churn adds an instance and takes it away again, each as soon as the one before is done.
func churn(ctx context.Context, m *mesh) error {
	for range 5 {
		w, err := m.newWorkload(ctx, "shop")
		if err != nil {
			return err
		}
		if err := w.start(ctx); err != nil {
			return err
		}
		if err := errors.Join(w.serves(ctx), w.end()); err != nil {
			return err
		}
		if err := os.RemoveAll(w.dir()); err != nil {
			return err
		}
	}
	return nil
}

// controlPlaneKilled kills the control plane, restarts a workload without it, and
// starts it again.
func controlPlaneKilled(ctx context.Context, m *mesh) error {
	if err := syscall.Kill(m.controlPlane.PID(), syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill the control plane: %w", err)
	}
	<-m.controlPlane.Ended()
	// Nobody is told that it goes and comes back: callers find out by themselves.
	if err := m.front[0].restart(ctx); err != nil {
		return err
	}
	if err := m.startControlPlane(ctx); err != nil {
		return err
	}
	for _, w := range m.all() {
		if err := w.reaches(ctx, "sightline_push_connected", 1); err != nil {
			return err
		}
	}
	return nil
}

// reaches waits until one of the sidecar's figures is as high.
func (w *workload) reaches(ctx context.Context, metric string, least float64) error {
	err := proc.Await(ctx, patience, func(ctx context.Context) error {
		n, err := w.metric(ctx, metric)
		if err == nil && n < least {
			err = fmt.Errorf("%s is %v, not yet %v", metric, n, least)
		}
		return err
	}, w.process)
	if err != nil {
		return fmt.Errorf("wait for %s: %w", w.instance, err)
	}
	return nil
}

// certificatesRenewed waits until every sidecar has renewed its certificate.
func certificatesRenewed(ctx context.Context, m *mesh) error {
	began := time.Now()
	for _, w := range m.all() {
		path := filepath.Join(w.dir(), "identity.pem")
		err := proc.Await(ctx, 2*m.certTTL, func(context.Context) error {
			info, err := os.Stat(path)
			if err == nil && info.ModTime().Before(began) {
				err = errors.New("the certificate is still the old one")
			}
			return err
		}, w.process)
		if err != nil {
			return fmt.Errorf("wait for %s: %w", w.instance, err)
		}
	}
	return nil
}

// instanceKilled kills app and sidecar of one instance without a word, and starts them
// again.
func instanceKilled(ctx context.Context, m *mesh) error {
	for _, w := range []*workload{m.shop[0], m.front[0]} {
		app, err := w.pid(ctx)
		if err != nil {
			return err
		}
		if err := errors.Join(syscall.Kill(w.process.PID(), syscall.SIGKILL), syscall.Kill(app, syscall.SIGKILL)); err != nil {
			return fmt.Errorf("kill %s: %w", w.instance, err)
		}
		<-w.process.Ended()
		if err := w.start(ctx); err != nil {
			return err
		}
		if err := w.serves(ctx); err != nil {
			return err
		}
	}
	return nil
}

// collectorAway takes away what takes telemetry, and brings it back: what was made
// meanwhile must arrive.
func collectorAway(ctx context.Context, m *mesh) error {
	if err := m.stopCollector(); err != nil {
		return err
	}
	if err := m.caller.reaches(ctx, "sightline_telemetry_queued", 100); err != nil {
		return err
	}
	taken, err := m.caller.metric(ctx, "sightline_telemetry_acknowledged_total")
	if err != nil {
		return err
	}
	if err := m.startCollector(ctx); err != nil {
		return err
	}
	if err := m.caller.reaches(ctx, "sightline_telemetry_acknowledged_total", taken+100); err != nil {
		return err
	}
	for _, w := range m.all() {
		dropped, err := w.metric(ctx, "sightline_telemetry_dropped_total")
		if err == nil && dropped > 0 {
			err = fmt.Errorf("%s dropped %v pieces of telemetry", w.instance, dropped)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
