// Command serve shows the web app with a made-up mesh behind it, for work on the app
// and for its browser tests. It prints a sign-in link.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/ui"
	"github.com/sightline-mesh/sightline/ui/api/apitest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	listen := flag.String("listen", "127.0.0.1:0", "address to serve on")
	silent := flag.Bool("silent", false, "a mesh without traffic")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	shop := apitest.New(time.Now)
	if *silent {
		shop = apitest.Silent(time.Now)
	}
	dir, err := os.MkdirTemp("", "sightline-ui-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	deps := shop.Deps()
	deps.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	u, err := ui.New(ctx, ui.Config{Listen: *listen, Dir: dir}, deps)
	if err != nil {
		return err
	}
	fmt.Println(u.SignInLink())
	g, alive := errgroup.WithContext(ctx)
	g.Go(func() error { return u.Run(alive) })
	g.Go(func() error { return shop.Run(alive) })
	return g.Wait()
}
