package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"github.com/sightline-mesh/sightline/controlplane"
)

// serve is the measured process: a control plane as `sightline controlplane` runs it,
// with a page for profiles if asked for.
func serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(roleServe, flag.ContinueOnError)
	dir := flags.String("dir", "", "directory for its state")
	listen := flags.String("listen", "", "address")
	profiles := flags.String("pprof", "", "address of the profiles' page; empty is none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c := controlplane.DefaultConfig(*dir)
	c.Listen = *listen
	plane, err := controlplane.New(c, controlplane.Deps{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	if *profiles == "" {
		return plane.Run(ctx)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	page := &http.Server{Addr: *profiles, Handler: mux, ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- page.ListenAndServe() }()
	err = plane.Run(ctx)
	err = errors.Join(err, page.Close())
	if stopped := <-served; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("profiles: %w", stopped))
	}
	return err
}
