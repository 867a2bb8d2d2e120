package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/collector/store"
)

func newStore(g *globals) *cobra.Command {
	var c store.Config
	var password string
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Run the embedded ClickHouse engine behind its HTTP protocol",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGPIPE) // who reads the log may die first; what is kept is still to be closed in order
			c.Dir = filepath.Join(g.dir, "store")
			c.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			if password != "" {
				b, err := os.ReadFile(password)
				if err != nil {
					return fmt.Errorf("read the store's password: %w", err)
				}
				c.Password = strings.TrimSpace(string(b))
			}
			return store.Run(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Listen, "listen", store.DefaultListen, "address of ClickHouse's HTTP protocol")
	f.BoolVar(&c.Remote, "remote", false, "allow an address other than loopback")
	f.StringVar(&c.Library, "engine", "", "path of libchdb.so (default: where make engine put it)")
	f.StringVar(&c.User, "user", "default", "user name")
	f.StringVar(&password, "password-file", "", "file with the user's password (default: none)")
	f.Int64Var(&c.MemoryLimit, "memory-limit", 0, "bytes the engine may use (default 2 GiB)")
	return cmd
}
