package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/cmd/sightline/up"
)

func newUp(g *globals) *cobra.Command {
	c := up.Default()
	var etcd etcdFlags
	var secret passphrase
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the mesh: control plane, collector, store, topology, web app",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Dir = g.dir
			c.Etcd = etcd.args(cmd.Flags())
			if err := secrets(cmd.Flags(), &c); err != nil {
				return err
			}
			var err error
			if c.CAPassphrase, err = secret.read(); err != nil {
				return err
			}
			c.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			if c.Program, err = os.Executable(); err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			m, err := up.New(c)
			if err != nil {
				return err
			}
			work, ctx := errgroup.WithContext(cmd.Context())
			work.Go(func() error { return m.Run(ctx) })
			work.Go(func() error {
				m.Await(ctx, func(what string) { cmd.PrintErrln("Sightline is " + what) })
				if ctx.Err() == nil {
					cmd.Printf("Sightline is up at %s\nSign in once with %s\n", m.URL(), m.SignInLink())
				}
				return nil
			})
			return work.Wait()
		},
	}
	meshFlags(cmd.Flags(), &c)
	etcd.register(cmd.Flags())
	caFlags(cmd.Flags(), &c.CA, &secret)
	return cmd
}

// clickHouseVariable holds what --clickhouse does: a command line, and a password in it,
// is for all users of the machine to read.
const clickHouseVariable = "SIGHTLINE_CLICKHOUSE"

// clickHousePassword is the flag that names a file with the password of the server of
// --clickhouse.
const clickHousePassword = "clickhouse-password-file"

// secrets fills in what files and the environment say and no flag does, and takes it out of
// the environment: the processes that are started have no use for it.
func secrets(f *pflag.FlagSet, c *up.Config) error {
	if !f.Changed("clickhouse") {
		c.ClickHouse = os.Getenv(clickHouseVariable)
	}
	_ = os.Unsetenv(clickHouseVariable) // fails for a malformed name alone
	file, err := f.GetString(clickHousePassword)
	if err != nil || file == "" {
		return err
	}
	c.ClickHouse, err = withPassword(c.ClickHouse, file)
	return err
}

const limitsHelp = "YAML file that says how fast each tenant (a sender's namespace) may send telemetry, and how many different keys it may make (default: 50,000 items and 64 MiB a second for each signal, with bursts of ten seconds' worth)"

const traceBudgetHelp = "ordinary traces to keep a second, beside every trace with an error, slower than the 99th percentile of its route, or marked (sampling.priority or sightline.keep); spans are visible after --decision-wait then (default: keep all, at once)"

// meshFlags are the flags of a whole mesh, for up and demo alike.
func meshFlags(f *pflag.FlagSet, c *up.Config) {
	f.StringVar(&c.Listen, "listen", c.Listen, "address of web app and API")
	f.StringVar(&c.ControlPlaneListen, "control-plane-listen", c.ControlPlaneListen, "address for sidecars (mutual TLS)")
	f.StringVar(&c.OTLPGRPCListen, "otlp-grpc-listen", c.OTLPGRPCListen, "address of OTLP over gRPC")
	f.StringVar(&c.OTLPHTTPListen, "otlp-http-listen", c.OTLPHTTPListen, "address of OTLP over HTTP")
	f.StringVar(&c.JaegerListen, "jaeger-listen", c.JaegerListen, "address of Jaeger's gRPC query API and remote storage, such as 127.0.0.1:16685 (default: off)")
	f.StringVar(&c.ZipkinListen, "zipkin-listen", c.ZipkinListen, "address for Zipkin's spans, such as 127.0.0.1:9411; plaintext from this machine, TLS with a certificate of the mesh from others, as for OTLP (default: off)")
	f.StringVar(&c.JaegerGRPCListen, "jaeger-spans-grpc-listen", c.JaegerGRPCListen, "address for spans of Jaeger's agents and clients over gRPC, such as 127.0.0.1:14250; who may send is as for OTLP (default: off)")
	f.StringVar(&c.JaegerHTTPListen, "jaeger-spans-http-listen", c.JaegerHTTPListen, "address for spans of Jaeger's clients in Thrift over HTTP, such as 127.0.0.1:14268; who may send is as for OTLP (default: off)")
	f.StringVar(&c.StoreListen, "store-listen", c.StoreListen, "loopback address of the embedded ClickHouse, or unix:/path of a socket that only this user may connect to")
	f.StringVar(&c.ClickHouse, "clickhouse", c.ClickHouse,
		"a ClickHouse server to use instead of the embedded one (clickhouse://user:password@host:9000/sightline); waited for until it answers; the environment variable "+clickHouseVariable+" says it too, and no other user can read it there")
	f.String(clickHousePassword, "", "file with the password of the user in --clickhouse (default: the one in the address)")
	f.Var((*sizeFlag)(&c.StoreLimit), "store-limit", storeLimitHelp)
	coldFlags(f, &c.Cold)
	f.StringVar(&c.StoragePolicy, "storage-policy", "", storagePolicyHelp)
	f.Var((*ageFlag)(&c.ColdAfter), "cold-after", coldAfterHelp)
	f.Var((*sizeFlag)(&c.ColdLimit), "cold-limit", coldLimitHelp)
	f.BoolVar(&c.SyncInserts, "sync-inserts", c.SyncInserts, syncHelp)
	f.StringVar(&c.LimitsFile, "limits", "", limitsHelp)
	f.Float64Var(&c.TraceBudget, "trace-budget", c.TraceBudget, traceBudgetHelp)
	f.DurationVar(&c.DecisionWait, "decision-wait", 8*time.Second, "how long spans wait on disk for the others of their trace before it is decided whether to keep them, with --trace-budget")
	f.StringVar(&c.Engine, "engine", c.Engine, "path of libchdb.so (default: where make engine put it)")
	f.DurationVar(&c.CertTTL, "cert-ttl", c.CertTTL, "how long certificates are good for")
	f.StringVar((*string)(&c.PathNormalization), "path-normalization", "", pathsHelp)
	f.StringVar(&c.RegistryFile, "registry-file", "", registryHelp)
	f.StringSliceVar(&c.NameServers, "name-server", nil, nameServerHelp)
	f.StringVar(&c.Alertmanager, "alertmanager", c.Alertmanager, "URL of an Alertmanager that gets the alerts")
	f.StringSliceVar(&c.RuleFiles, "rules", c.RuleFiles, "Prometheus rule files to evaluate")
}
