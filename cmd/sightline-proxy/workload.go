package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/proxy"
	"github.com/sightline-mesh/sightline/proxy/run"
)

// workload runs a sidecar and the app beside it, and returns the app's exit status.
func workload(args []string) (status int, err error) {
	c, err := parse(args, os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return 2, err
	}
	sparing()
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(asked, stop) // who asks twice does not want to wait
	p, err := proxy.New(asked, c.config, proxy.Deps{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return 1, err
	}
	passed := make(chan os.Signal, 8)
	signal.Notify(passed, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGQUIT)
	defer signal.Stop(passed)

	work, alive := errgroup.WithContext(asked)
	// The sidecar outlives the app, whose last requests it carries.
	serving, end := context.WithCancel(context.WithoutCancel(asked))
	defer end()
	work.Go(func() error { return p.Run(serving) })
	work.Go(func() error {
		defer end()
		status, err = beside(alive, p, c, passed)
		return err
	})
	failed := work.Wait() // before status is read: the app's end sets it
	return status, failed
}

// beside runs the app, if there is one, until it ends or alive does.
func beside(alive context.Context, p *proxy.Proxy, c command, passed <-chan os.Signal) (int, error) {
	if len(c.app) == 0 {
		return 0, p.Alone(alive)
	}
	select {
	case <-p.Ready():
	case <-alive.Done():
		return 0, nil
	}
	app := &run.App{
		Args: c.app, Env: run.Environ(os.Environ(), p.Place()),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Grace: c.config.Drain,
	}
	return run.Beside(alive, p, app, c.config.AppPort, passed)
}

// mostCPUs a sidecar uses unless GOMAXPROCS says otherwise: it stands beside an app that
// the machine is for, and at moderate rates more threads only cost wake-ups.
const mostCPUs = 2

// sparing makes the runtime take little of the machine. A sidecar's live data is a few
// megabytes: to collect garbage as often as usual would save nothing.
func sparing() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) > mostCPUs {
		runtime.GOMAXPROCS(mostCPUs)
	}
}
