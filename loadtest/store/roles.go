package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/collector"
	"github.com/sightline-mesh/sightline/collector/store"
)

func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// runEngine is the store as `sightline store` runs it. It prints its address.
func runEngine(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet(roleEngine, flag.ContinueOnError)
	dir := flags.String("dir", "", "directory for its data")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return store.Run(ctx, store.Config{
		Dir: *dir, Listen: "127.0.0.1:0", Logger: logger(),
		Ready: func(a net.Addr) { fmt.Fprintln(stdout, a) },
	})
}

// runCollector is a collector as `sightline collector` runs it, with a page of its books
// and its profiles. It prints the addresses of OTLP over HTTP and of the page.
func runCollector(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet(roleCollector, flag.ContinueOnError)
	c := collector.Config{GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0"}
	flags.StringVar(&c.Dir, "dir", "", "directory for its queues")
	flags.StringVar(&c.Store, "store", "", "address of the store")
	if err := flags.Parse(args); err != nil {
		return err
	}
	col, err := collector.New(c, collector.Deps{Logger: logger()})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the page: %w", err)
	}
	page := &http.Server{Handler: books(col), ReadHeaderTimeout: time.Second}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return col.Run(ctx) })
	g.Go(func() error {
		if err := page.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the page: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		select {
		case <-col.Stored():
			_, http := col.Addresses()
			fmt.Fprintln(stdout, http, l.Addr())
		case <-ctx.Done():
		}
		<-ctx.Done()
		return page.Close()
	})
	return g.Wait()
}

// books shows what became of the spans.
func books(col *collector.Collector) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/books", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(col.Accounting()[0]) // who went away does not want it
	})
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	return mux
}
