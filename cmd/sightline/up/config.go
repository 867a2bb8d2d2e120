package up

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/store/cold"
	"github.com/sightline-mesh/sightline/collector/store/engine"
	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Config is what a person says of a whole mesh on one machine.
type Config struct {
	Dir string // all state; made if missing

	Listen             string // web app and API; default 127.0.0.1:8080
	ControlPlaneListen string // sidecars' control plane; default :15012
	OTLPGRPCListen     string // telemetry in; default :4317
	OTLPHTTPListen     string // telemetry in; default :4318
	JaegerListen       string // Jaeger's gRPC query and remote storage; empty is off
	ZipkinListen       string // Zipkin's spans in; empty is off
	JaegerGRPCListen   string // spans of Jaeger's clients in, over gRPC; empty is off
	JaegerHTTPListen   string // the same in Thrift over HTTP
	StoreListen        string // embedded ClickHouse, loopback or unix:/path; default 127.0.0.1:8123

	// ClickHouse is a server to use instead of the embedded engine:
	// "clickhouse://user:password@host:9000/sightline".
	ClickHouse string
	// StoreLimit is how many bytes the store may have on disk before its oldest days are
	// given up; 0 is no limit.
	StoreLimit uint64
	// Cold is where the embedded store's old days go; its zero value is nowhere.
	Cold cold.Config
	// StoragePolicy is the same for a server of ClickHouse: one of its storage policies, with
	// a volume "cold".
	StoragePolicy string
	// ColdAfter is how long days stay where they were written, from their end on; 0 is 48 h.
	ColdAfter time.Duration
	// ColdLimit is StoreLimit for what lies there; 0 is no limit.
	ColdLimit uint64
	// SyncInserts has the embedded store's inserts survive a loss of power.
	SyncInserts bool
	// LimitsFile says how fast each tenant may send telemetry, and how many different keys
	// it may make; empty is package limits' defaults.
	LimitsFile string
	// TraceBudget is how many ordinary traces a second are kept, beside those with errors, the
	// slow and the marked; 0 keeps all. DecisionWait is how long spans wait for the others of
	// their trace then; 0 is the collector's default.
	TraceBudget  float64
	DecisionWait time.Duration
	// Etcd are the control plane's flags about etcd and other control planes on it.
	Etcd []string
	// Engine is the path of libchdb.so; empty is where `make engine` puts it.
	Engine string
	// CertTTL is how long certificates are good for; default 24 h.
	CertTTL time.Duration
	// CA are the files of an authority to issue certificates with; its zero value is one
	// of the mesh's own.
	CA ca.Files
	// CAPassphrase seals its private keys in the state; empty has a file beside it do so.
	CAPassphrase string
	// PathNormalization is what sidecars do to the paths of requests; empty is what was
	// set before.
	PathNormalization mesh.PathNormalization
	// RegistryFile is a file with instances that have no sidecar to register them; empty
	// is none.
	RegistryFile string
	// NameServers are asked for the names that ServiceEntries tell of; empty are the
	// system's.
	NameServers []string
	// Alertmanager is the URL alerts are posted to; empty posts none.
	Alertmanager string
	// RuleFiles are Prometheus rule files to evaluate beside the objectives.
	RuleFiles []string

	Logger *slog.Logger
	// Program is this program, to start children from; Log, where their output goes
	// (a directory; empty is this process's standard error).
	Program string
	Log     string
}

// Default is a mesh on the stable ports.
func Default() Config {
	return Config{
		Listen:             "127.0.0.1:8080",
		ControlPlaneListen: ":15012",
		OTLPGRPCListen:     ":4317",
		OTLPHTTPListen:     ":4318",
		StoreListen:        "127.0.0.1:8123",
		CertTTL:            24 * time.Hour,
	}
}

// Validate names every fault at once.
func (c Config) Validate() error {
	var bad []error
	if c.Dir == "" {
		bad = append(bad, errors.New("dir: want a directory to keep state in"))
	}
	for name, addr := range c.addresses() {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			bad = append(bad, fmt.Errorf("%s: %q: want host:port or :port", name, addr))
		}
	}
	for name, u := range map[string]string{"clickhouse": c.ClickHouse, "alertmanager": c.Alertmanager} {
		if p, err := url.Parse(u); u != "" && (err != nil || p.Scheme == "" || p.Host == "") {
			bad = append(bad, fmt.Errorf("%s: want a URL, such as http://host:port", name)) // the URL may hold a password
		}
	}
	if c.CertTTL <= 0 {
		bad = append(bad, fmt.Errorf("cert-ttl: %s: want more than 0", c.CertTTL))
	}
	bad = append(bad, c.coldFault()) // nil is left out
	if _, err := mesh.ParsePathNormalization(string(c.PathNormalization)); err != nil {
		bad = append(bad, fmt.Errorf("path-normalization: %w", err))
	}
	return errors.Join(bad...)
}

func (c Config) coldFault() error {
	bad := []error{c.Cold.Validate()}
	embedded := c.Cold != (cold.Config{})
	if embedded && c.ClickHouse != "" {
		bad = append(bad, errors.New("cold-path, cold-s3: want neither with clickhouse: its disks are its own; name its policy with storage-policy"))
	}
	if c.StoragePolicy != "" && c.ClickHouse == "" {
		bad = append(bad, errors.New("storage-policy: want clickhouse with it: the embedded store's disk for old days is said by cold-path or cold-s3"))
	}
	if !embedded && c.StoragePolicy == "" {
		if c.ColdAfter != 0 {
			bad = append(bad, errors.New("cold-after: want cold-path, cold-s3 or storage-policy with it"))
		}
		if c.ColdLimit != 0 {
			bad = append(bad, errors.New("cold-limit: want cold-path, cold-s3 or storage-policy with it"))
		}
		return errors.Join(bad...)
	}
	if err := c.tiers().Validate(); err != nil {
		bad = append(bad, fmt.Errorf("storage-policy, cold-after: %w", err))
	}
	return errors.Join(bad...)
}

// tiers are where old days go.
func (c Config) tiers() clickhouse.Tiers {
	t := clickhouse.Tiers{Policy: c.StoragePolicy, After: cmp.Or(c.ColdAfter, defaultColdAfter)}
	if c.Cold != (cold.Config{}) {
		t.Policy = engine.Tiered
	}
	if t.Policy == "" {
		return clickhouse.Tiers{}
	}
	return t
}

const defaultColdAfter = 48 * time.Hour

// storeSocket is the path of the Unix socket that the embedded store listens on, if any.
func (c Config) storeSocket() string {
	if path, ok := strings.CutPrefix(c.StoreListen, "unix:"); ok {
		return path
	}
	return ""
}

// addresses are where the mesh listens on the network, by the names of their flags: those
// that may be off, where they are on.
func (c Config) addresses() map[string]string {
	all := map[string]string{
		"listen": c.Listen, "control-plane-listen": c.ControlPlaneListen,
		"otlp-grpc-listen": c.OTLPGRPCListen, "otlp-http-listen": c.OTLPHTTPListen,
	}
	if c.storeSocket() == "" {
		all["store-listen"] = c.StoreListen
	}
	for name, addr := range map[string]string{
		"jaeger-listen": c.JaegerListen, "zipkin-listen": c.ZipkinListen,
		"jaeger-spans-grpc-listen": c.JaegerGRPCListen, "jaeger-spans-http-listen": c.JaegerHTTPListen,
	} {
		if addr != "" {
			all[name] = addr
		}
	}
	return all
}

// local is how this machine reaches one of its own listeners.
func local(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
