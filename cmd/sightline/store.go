package main

import (
	"fmt"
	"log/slog"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/collector/store"
)

const syncHelp = "have the embedded store flush what is inserted to the disk before it is acknowledged: nothing is lost with the power then, and not with the process alone"

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
				var err error
				if c.Password, err = readPassword(password); err != nil {
					return fmt.Errorf("password-file: %w", err)
				}
			}
			return store.Run(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Listen, "listen", store.DefaultListen, "address of ClickHouse's HTTP protocol, or unix:/path of a socket that only this user may connect to")
	f.BoolVar(&c.Remote, "remote", false, "allow an address other than loopback; it takes a password and a certificate")
	f.BoolVar(&c.Plaintext, "remote-plaintext", false, "allow it without a certificate: passwords and telemetry can be read on the way")
	f.StringVar(&c.TLSCert, "tls-cert", "", "PEM file of the certificate to listen with, and of those above it (default: plaintext)")
	f.StringVar(&c.TLSKey, "tls-key", "", "PEM file of its private key")
	f.StringVar(&c.Library, "engine", "", "path of libchdb.so (default: where make engine put it)")
	f.StringVar(&c.User, "user", "default", "user name")
	f.StringVar(&password, "password-file", "", "file with the user's password (default: none)")
	coldFlags(f, &c.Cold)
	f.BoolVar(&c.SyncInserts, "sync-inserts", false, syncHelp)
	f.Int64Var(&c.MemoryLimit, "memory-limit", 0, "bytes the engine may use (default 2 GiB)")
	return cmd
}
