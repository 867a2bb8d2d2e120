package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// workload is a sidecar with its app, as a user runs them.
type workload struct {
	m        *mesh
	service  string
	instance string
	app      string // host:port of the app itself; empty for none
	outbound string
	admin    string
	args     []string
	process  *proc.Process
}

func (m *mesh) newWorkload(ctx context.Context, service string) (*workload, error) {
	var at [4]string
	for i := range at {
		var err error
		if at[i], err = freeAddress(ctx); err != nil {
			return nil, err
		}
	}
	_, port, err := net.SplitHostPort(at[2])
	if err != nil {
		return nil, err
	}
	w := &workload{m: m, service: service, instance: service + "-" + port, outbound: at[0], admin: at[1]}
	w.args = []string{
		"run", "--service", service, "--version", "v1", "--instance", w.instance, "--dir", w.dir(),
		"--control-plane", m.address, "--collector", m.telemetry,
		"--outbound", w.outbound, "--inbound", at[2], "--admin", w.admin, "--drain", drainTime.String(),
	}
	if service == "caller" {
		return w, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the app: %w", err)
	}
	w.app = at[3]
	if _, port, err = net.SplitHostPort(w.app); err != nil {
		return nil, err
	}
	w.args = append(w.args, "--port", port, "--", self, roleApp, "--listen", w.app)
	if service == "front" {
		w.args = append(w.args, "--next", "http://shop/")
	}
	return w, nil
}

func (w *workload) dir() string { return filepath.Join(w.m.dir, "proxies", w.instance) }

func (w *workload) start(ctx context.Context) (err error) {
	w.process, err = proc.Start(ctx, proc.Command{
		Path: filepath.Join(w.m.bin, "sightline-proxy"), Args: w.args,
		Env: append(os.Environ(), "SIGHTLINE_TOKEN="+w.m.token), Log: w.m.log,
	})
	return err
}

// up waits until the sidecar carries requests and the app answers.
func (w *workload) up(ctx context.Context) error {
	err := proc.Await(ctx, patience, func(ctx context.Context) error {
		if _, err := ask(ctx, http.MethodGet, w.admin, "/readyz"); err != nil || w.app == "" {
			return err
		}
		_, err := w.served(ctx)
		return err
	}, w.process)
	if err != nil {
		return fmt.Errorf("wait for %s: %w", w.instance, err)
	}
	return nil
}

// serves waits until requests have come to the app by way of the mesh.
func (w *workload) serves(ctx context.Context) error {
	err := proc.Await(ctx, patience, func(ctx context.Context) error {
		n, err := w.served(ctx)
		if err == nil && n == 0 {
			err = errors.New("no request has come to it")
		}
		return err
	}, w.process)
	if err != nil {
		return fmt.Errorf("wait for %s: %w", w.instance, err)
	}
	return nil
}

// end tells the sidecar to end; it and its app must, and well.
func (w *workload) end() error {
	if err := syscall.Kill(w.process.PID(), syscall.SIGTERM); err != nil {
		return fmt.Errorf("end %s: %w", w.instance, err)
	}
	select {
	case <-w.process.Ended():
	case <-time.After(patience):
		return fmt.Errorf("%s did not end within %s", w.instance, patience)
	}
	return nil
}

// restart ends the workload, starts it again and waits until it has requests.
func (w *workload) restart(ctx context.Context) error {
	if err := w.end(); err != nil {
		return err
	}
	if err := w.start(ctx); err != nil {
		return err
	}
	return w.serves(ctx)
}

// served is how many requests the app has had.
func (w *workload) served(ctx context.Context) (int, error) { return askNumber(ctx, w.app, "/served") }

// pid is the app's.
func (w *workload) pid(ctx context.Context) (int, error) { return askNumber(ctx, w.app, "/pid") }

func askNumber(ctx context.Context, address, path string) (int, error) {
	s, err := ask(ctx, http.MethodGet, address, path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(s)
}

// metric is one of the sidecar's figures, added up over its labels.
func (w *workload) metric(ctx context.Context, name string) (sum float64, err error) {
	page, err := ask(ctx, http.MethodGet, w.admin, "/metrics")
	if err != nil {
		return 0, err
	}
	found := false
	for line := range strings.Lines(page) {
		found = found || strings.HasPrefix(line, "# HELP "+name+" ")
		key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if family, _, _ := strings.Cut(key, "{"); !ok || family != name {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", name, err)
		}
		sum += n
	}
	if !found {
		return 0, fmt.Errorf("%s has no metric %s", w.instance, name)
	}
	return sum, nil
}

// direct asks programs past the mesh.
var direct = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

func ask(ctx context.Context, method, address, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, nil)
	if err != nil {
		return "", err
	}
	res, err := direct.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, b)
	}
	return string(b), err
}
