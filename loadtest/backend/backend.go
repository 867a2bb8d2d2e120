// Package backend plays the processes of the mesh's telemetry backend for programs that
// measure it or kill it: the embedded engine and a collector, each run by the measuring
// program itself in another role, as `sightline up` runs them.
package backend

import (
	"bufio"
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
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/collector"
	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// The first argument of a process that plays a role.
const (
	Engine    = "engine"
	Collector = "collector"
)

const anyPort = "127.0.0.1:0"

// Play runs a role if the arguments name one, until ctx ends.
func Play(ctx context.Context, args []string, stdout io.Writer) (played bool, err error) {
	if len(args) == 0 {
		return false, nil
	}
	switch args[0] {
	case Engine:
		return true, runEngine(ctx, args[1:], stdout)
	case Collector:
		return true, runCollector(ctx, args[1:], stdout)
	}
	return false, nil
}

// Launch starts this program in a role. What it prints goes to stdout, or to the log where
// that is nil.
func Launch(ctx context.Context, log io.Writer, stdout io.Writer, args ...string) (*proc.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return proc.Start(ctx, proc.Command{Path: self, Args: args, Env: os.Environ(), Log: log, Stdout: stdout})
}

// Start is Launch that waits for the words that a role says when it is ready: the engine
// its address; a collector those of OTLP over HTTP and of its page, once the store has
// answered it. A process that was started is returned with an error too.
func Start(ctx context.Context, log io.Writer, args ...string) (*proc.Process, []string, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer out.Close()
	p, err := Launch(ctx, log, in, args...)
	if err = errors.Join(err, in.Close()); err != nil {
		return p, nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return p, nil, fmt.Errorf("wait for the %s: %w", args[0], err)
	}
	return p, strings.Fields(line), nil
}

// Books are what a collector says at its page that became of the spans.
func Books(ctx context.Context, page string) (p signal.Pipeline, err error) {
	all, err := allBooks(ctx, page)
	if err != nil {
		return p, err
	}
	return all[0], nil
}

// allBooks are those of the spans, and after them of the other signals.
func allBooks(ctx context.Context, page string) (all []signal.Pipeline, err error) {
	body, err := Get(ctx, "http://"+page+"/books")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(&all); err != nil {
		return nil, fmt.Errorf("read the books of %s: %w", page, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("read the books of %s: none", page)
	}
	return all, nil
}

// Get asks for a page; what is not there is an error.
func Get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s: %s", url, res.Status), res.Body.Close())
	}
	return res.Body, nil
}

func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func runEngine(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet(Engine, flag.ContinueOnError)
	dir := flags.String("dir", "", "directory for its data")
	listen := flags.String("listen", anyPort, "address")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return store.Run(ctx, store.Config{
		Dir: *dir, Listen: *listen, Logger: logger(),
		Ready: func(a net.Addr) { fmt.Fprintln(stdout, a) },
	})
}

func runCollector(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet(Collector, flag.ContinueOnError)
	none := limits.Rate{Items: limits.None, Bytes: limits.None} // what it can take is to be seen
	c := collector.Config{GRPC: anyPort, Limits: limits.Config{Tenant: limits.Rates{Traces: none, Logs: none, Metrics: none}}}
	flags.StringVar(&c.Dir, "dir", "", "directory for its queues")
	flags.StringVar(&c.Store, "store", "", "address of the store")
	flags.StringVar(&c.HTTP, "listen", anyPort, "address of OTLP over HTTP")
	at := flags.String("page", anyPort, "address of the page of its books")
	if err := flags.Parse(args); err != nil {
		return err
	}
	collector.SpareMemory()
	col, err := collector.New(c, collector.Deps{Logger: logger()})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *at)
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

// books shows what became of the signals, and profiles.
func books(col *collector.Collector) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/books", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(col.Accounting()) // who went away does not want it
	})
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.Handle("/debug/pprof/heap", pprof.Handler("heap"))
	return mux
}
