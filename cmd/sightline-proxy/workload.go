package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/proxy"
	"github.com/sightline-mesh/sightline/proxy/handover"
	"github.com/sightline-mesh/sightline/proxy/restart"
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
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	defer sparing(c, log)()
	estate, err := handover.Inherited()
	if err != nil {
		return 1, err
	}
	if estate != nil {
		return 0, goOn(c, estate, log)
	}
	return begin(c, args, log)
}

// goOn is the sidecar in the place of a process before this one, which says when it ends.
func goOn(c command, e *handover.Estate, log *slog.Logger) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	p, err := proxy.New(context.Background(), c.config, proxy.Deps{Logger: log, Estate: e})
	if err != nil {
		return err
	}
	return restart.Follow(p, e)
}

// begin is the sidecar from its start on, with the app.
func begin(c command, args []string, log *slog.Logger) (status int, err error) {
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p, err := proxy.New(asked, c.config, proxy.Deps{Logger: log})
	if err != nil {
		return 1, err
	}
	log.Info("state", "dir", p.Dir())
	program, err := os.Executable()
	if err != nil {
		return 1, err
	}
	s := restart.New(restart.Config{
		Dir: p.Dir(), Program: program, Args: c.again(args, p.Dir()), Drain: c.config.Drain, Logger: log,
	}, p)
	passed := make(chan os.Signal, 8)
	signal.Notify(passed, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGQUIT)
	defer signal.Stop(passed)

	work, alive := errgroup.WithContext(asked)
	// The sidecar outlives the app, whose last requests it carries.
	serving, end := context.WithCancel(context.WithoutCancel(asked))
	defer end()
	work.Go(func() error { return s.Run(serving) })
	work.Go(func() error {
		defer end()
		status, err = beside(alive, sidecar{s, p, log}, c, passed)
		return err
	})
	failed := work.Wait() // before status is read: the app's end sets it
	return status, failed
}

// sidecar is one that may be another process by now, and where it stands.
type sidecar struct {
	*restart.Supervisor

	first *proxy.Proxy
	log   *slog.Logger
}

// beside runs the app, if there is one, until it ends or alive does.
func beside(alive context.Context, s sidecar, c command, passed <-chan os.Signal) (int, error) {
	if len(c.app) == 0 {
		defer endAtOnce(alive, s.Kill)()
		return 0, run.Alone(alive, s, c.probe(s.log))
	}
	select {
	case <-s.Ready():
	case <-alive.Done():
		return 0, nil
	}
	app := &run.App{
		Args: c.app, Env: run.Environ(os.Environ(), s.first.Place()),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Grace: c.config.Drain, User: c.appUser,
	}
	defer endAtOnce(alive, func() {
		s.Kill()
		_ = app.Signal(syscall.SIGKILL) // there is no time for more
	})()
	return run.Beside(alive, s, app, c.probe(s.log), passed)
}

// endAtOnce has the second signal to end do so without any waiting: who asks twice does
// not want to wait. The first one ends ctx.
func endAtOnce(ctx context.Context, kill func()) (stop func()) {
	again := make(chan os.Signal, 1)
	over := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
		case <-over:
			return
		}
		signal.Notify(again, syscall.SIGINT, syscall.SIGTERM)
		select {
		case s := <-again:
			kill()
			os.Exit(128 + int(s.(syscall.Signal)))
		case <-over:
		}
	}()
	return func() {
		signal.Stop(again)
		close(over)
	}
}
