package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane"
)

const pathsHelp = "what sidecars do to the paths of requests: NONE, BASE, MERGE_SLASHES or DECODE_AND_MERGE_SLASHES; kept, and a sidecar's own flag outranks it (default: what was set before, BASE at first)"

const nameServerHelp = "address:port of a name server to ask for the names that ServiceEntries tell of; several are asked one after the other (default: the system's)"

const registryHelp = "file with WorkloadEntries, and Services that select them, for instances without a sidecar to register them; watched, and a bad edit leaves the last good one in force"

func newControlPlane(g *globals) *cobra.Command {
	c := controlplane.DefaultConfig("")
	var etcd etcdFlags
	var secret passphrase
	metrics := "127.0.0.1:15014"
	cmd := &cobra.Command{
		Use:   "controlplane",
		Short: "Run the control plane: state, certificates, registry, push, remedy",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGPIPE) // who reads the log may die first; what is kept is still to be closed in order
			c.Dir = filepath.Join(g.dir, "controlplane")
			c.EtcdEndpoints, c.EtcdAccess, c.EtcdMember = etcd.endpoints, etcd.access, etcd.member
			c.Name, c.Advertise = etcd.name, etcd.advertise
			var err error
			if c.CAPassphrase, err = secret.read(); err != nil {
				return err
			}
			d := controlplane.Deps{Logger: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))}
			if d.Metrics, err = listenMetrics(cmd.Context(), metrics); err != nil {
				if cmd.Flags().Changed("metrics-listen") {
					return err
				}
				d.Logger.Warn("no metrics are served; --metrics-listen says where they are", "reason", err)
			}
			p, err := controlplane.New(c, d)
			if err != nil {
				return err
			}
			return p.Run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Listen, "listen", c.Listen, "address for sidecars (mutual TLS)")
	f.StringVar(&metrics, "metrics-listen", metrics, "address of /metrics for Prometheus, in the clear; empty for none")
	f.StringVar(&c.TrustDomain, "trust-domain", c.TrustDomain, "name of the mesh in every identity; cannot be changed later")
	f.DurationVar(&c.CertificateTTL, "cert-ttl", c.CertificateTTL, "how long certificates are good for")
	f.StringVar((*string)(&c.PathNormalization), "path-normalization", "", pathsHelp)
	f.StringVar(&c.RegistryFile, "registry-file", "", registryHelp)
	f.StringSliceVar(&c.NameServers, "name-server", nil, nameServerHelp)
	etcd.register(f)
	caFlags(f, &c.CA, &secret)
	return cmd
}

// listenMetrics is nil for no address. That of the default may be another control plane's
// on this machine: such a one is not kept from its work by that.
func listenMetrics(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w", err)
	}
	return l, nil
}
