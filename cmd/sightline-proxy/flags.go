package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/proxy"
	"github.com/sightline-mesh/sightline/proxy/redact"
	"github.com/sightline-mesh/sightline/proxy/run"
)

// command is one command line of `sightline-proxy run`.
type command struct {
	config proxy.Config
	app    []string // program and arguments of the app; none runs the sidecar alone

	ports          portFlag
	appUser        *run.User // nil is the sidecar's
	tokenFile      string
	identity       string // who gives the certificate: mesh or spire
	readyPath      string
	startupTimeout time.Duration
}

// probe tells when the app takes requests, and log why it does not.
func (c *command) probe(log *slog.Logger) run.Probe {
	p := run.Probe{Path: c.readyPath, Within: c.startupTimeout, Logger: log}
	for _, port := range c.config.Ports {
		p.Ports = append(p.Ports, int(port.Number))
	}
	return p
}

// again is the command line of a process that goes on as this sidecar, without the app,
// which the first process keeps.
func (c *command) again(args []string, dir string) []string {
	flags := args[:len(args)-len(c.app)]
	if n := len(flags); n > 0 && flags[n-1] == "--" {
		flags = flags[:n-1]
	}
	return append(append([]string{"run"}, flags...), "--dir", dir)
}

// validate names every fault at once.
func (c *command) validate() error {
	bad := c.ports.bad
	if c.readyPath != "" && !strings.HasPrefix(c.readyPath, "/") {
		bad = append(bad, fmt.Errorf("ready-path: %q: want a path, such as /healthz", c.readyPath))
	}
	if c.readyPath != "" && len(c.config.Ports) == 0 {
		bad = append(bad, errors.New("ready-path: needs --port, the port that the app listens on"))
	}
	if c.appUser != nil {
		if err := run.CanSwitch(); err != nil {
			bad = append(bad, fmt.Errorf("app-user: %w", err))
		}
	}
	bad = append(bad, c.checkIdentity())
	if c.startupTimeout < 0 {
		bad = append(bad, fmt.Errorf("startup-timeout: %s is below 0", c.startupTimeout))
	}
	return errors.Join(append(bad, c.config.Validate())...)
}

// checkIdentity refuses what does not go together.
func (c *command) checkIdentity() error {
	switch spire := c.config.SPIRESocket != ""; {
	case c.identity != "mesh" && c.identity != "spire":
		return fmt.Errorf("identity: %q: want mesh or spire", c.identity)
	case c.identity == "spire" && !spire:
		return errors.New("spire-socket: must be given with --identity spire, such as unix:///run/spire/agent.sock")
	case c.identity == "mesh" && spire:
		return errors.New("spire-socket: needs --identity spire")
	case spire && c.config.Token != "":
		return errors.New("token: is of no use with --identity spire")
	}
	return nil
}

// parse reads a command line. Every flag may also be given as an environment variable:
// --control-plane is SIGHTLINE_CONTROL_PLANE. A flag outranks its variable.
func parse(args []string, getenv func(string) string, out io.Writer) (command, error) {
	c := command{config: proxy.Default()}
	f := c.flags(out)
	if err := fromEnv(f, getenv); err != nil {
		return c, err
	}
	c.ports.outranked = true
	if err := f.Parse(args); err != nil {
		return c, err
	}
	c.app = f.Args()
	if c.tokenFile != "" {
		b, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return c, fmt.Errorf("read join token: %w", err)
		}
		c.config.Token = strings.TrimSpace(string(b))
	}
	return c, c.validate()
}

func (c *command) flags(out io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("sightline-proxy run", flag.ContinueOnError)
	f.SetOutput(out)
	c.define(f)
	f.StringVar(&c.config.Token, "token", "", "join token; others on this machine can see it here: prefer SIGHTLINE_TOKEN or --token-file")
	f.StringVar(&c.tokenFile, "token-file", "", "file with the join token")
	f.StringVar(&c.identity, "identity", "mesh", "who gives the certificate: mesh (the control plane) or spire (a SPIRE agent; its SVID needs the id spiffe://<trust domain>/ns/<namespace>/sa/<account> and the DNS name <instance>.<version or none>.<service>.<namespace>.sightline)")
	f.StringVar(&c.config.SPIRESocket, "spire-socket", "", "`address` of the SPIFFE Workload API: unix:///run/spire/agent.sock")
	return f
}

func (c *command) define(f *flag.FlagSet) {
	p := &c.config
	f.StringVar(&p.Service, "service", p.Service, "name of the service the app is a copy of")
	f.StringVar(&p.Version, "version", p.Version, "version of the app")
	f.StringVar(&p.Namespace, "namespace", p.Namespace, "namespace of the service")
	f.StringVar((*string)(&p.Locality), "locality", "", "where this is, region/zone/subzone, the last ones optional: calls prefer instances that are near")
	f.StringVar(&p.Account, "account", p.Account, "account in the identity (default: the service)")
	f.StringVar(&p.Instance, "instance", p.Instance, "name of this copy (default: made up)")
	f.StringVar(&p.ControlPlane, "control-plane", p.ControlPlane, "host:port of the control plane, or of several, with commas between them: the next is used when one dies or falls silent")
	f.StringVar(&p.Collector, "collector", p.Collector, "host:port of OTLP over HTTP, none to send no telemetry (default: the first control plane's host, port 4318)")
	f.StringVar(&p.Dir, "dir", p.Dir, "keeps certificate and last good configuration (default: in the user's state directory)")
	c.ports.into = &p.Ports
	f.Var(&c.ports, "port", "`port` the app listens on, [name=]number[,protocol=grpc]; may be repeated: callers that name none mean the first; a name such as grpc-api tells the protocol; none for an app that only calls")
	f.StringVar((*string)(&p.AppProtocol), "app-protocol", "", "what the app speaks on its first port: http, http2, grpc, tcp or tls (default: what the port says, else told by looking)")
	f.StringVar(&p.Outbound, "outbound", p.Outbound, "listener for the app's requests (default: "+proxy.DefaultOutbound+", or a free port)")
	f.StringVar(&p.Inbound, "inbound", p.Inbound, "listener for the mesh's requests (default: "+proxy.DefaultInbound+", or a free port)")
	f.StringVar(&p.Admin, "admin", p.Admin, "admin page (default: "+proxy.DefaultAdmin+", or a free port)")
	f.StringVar(&p.Advertise, "advertise", p.Advertise, "address or name that others reach the inbound listener at (default: this machine's address towards the control plane)")
	f.DurationVar(&p.Drain, "drain", p.Drain, "how long requests under way may take at the end")
	f.StringVar(&c.readyPath, "ready-path", "", "path that the app answers with success once it takes requests (default: its port accepts)")
	f.DurationVar(&c.startupTimeout, "startup-timeout", 0, "how long the app may take until then before it is ended (default: any time)")
	f.Func("app-user", "`user[:group]` whom the app runs as, by names or numbers, so that init's rules can tell it from the sidecar, which root has to run then (default: the sidecar's)", func(s string) (err error) {
		c.appUser, err = run.ParseUser(s)
		return err
	})
	f.BoolVar(&p.Profiles, "pprof", p.Profiles, "serve profiles on the admin page")
	f.Func("interception", "how the app's connections get here: explicit (it dials the sidecar) or transparent (sightline-proxy init made the kernel redirect them) (default explicit)", c.interception)
	f.Func("outbound-policy", "what happens to redirected connections that go out of the mesh: allow-any or registry-only (default allow-any)", c.outboundPolicy)
	f.DurationVar(&p.DetectTime, "detect-time", p.DetectTime, "how long a client may say nothing, where its protocol is not known, before the server is asked to speak first; at most 1s")
	f.DurationVar(&p.StreamIdle, "stream-idle", p.StreamIdle, "how long a stream of bytes may lie idle")
	f.StringVar(&p.Paths, "path-normalization", p.Paths, "NONE, BASE, MERGE_SLASHES or DECODE_AND_MERGE_SLASHES, in place of what the mesh says (default: that, BASE if it says nothing)")
	f.IntVar(&p.MaxHead, "max-request-head", p.MaxHead, "bytes that the head of a request may have (default: 65536, which is the most)")
	f.Uint64Var(&p.MaxBody, "max-request-body", p.MaxBody, "bytes that the body of a request may have (default: any number)")
	f.DurationVar(&p.RequestIdle, "request-idle", p.RequestIdle, "how long a request and its answer may move no byte; gRPC, event streams and upgrades may always (default for ever)")
	listFlag(f, "server-first-ports", "`ports` of apps where servers speak first or no HTTP is spoken: nobody is waited for (default: those of SMTP, databases and caches)", &p.ServerFirst, parsePort)
	f.Func("secret-params", "query `parameters` whose values are left out of telemetry beside those whose names look like a secret's, or none to tell all values (default: "+strings.Join(redact.Defaults(), ",")+")", c.secretParams)
	f.Func("upstream", "listener for one service, name=host:port[,port=9090][,protocol=tcp], of which port is that of the service (default: its first); a name alone only makes the service known; may be repeated", c.upstream)
	p.Build = version
}

// secretParams reads the whole list.
func (c *command) secretParams(s string) error {
	c.config.SecretParams = []string{}
	if s == "none" {
		return nil
	}
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); !redact.Valid(name) {
			return fmt.Errorf("%q is not the name of a query parameter", name)
		}
		c.config.SecretParams = append(c.config.SecretParams, name)
	}
	return nil
}

func (c *command) interception(s string) error {
	switch s {
	case "explicit":
		c.config.Transparent = false
	case "transparent":
		c.config.Transparent = true
	default:
		return errors.New("want explicit or transparent")
	}
	return nil
}

// outboundPolicy reads what is done with connections out of the mesh, in Istio's words.
func (c *command) outboundPolicy(s string) error {
	switch s {
	case "allow-any":
		c.config.RegistryOnly = false
	case "registry-only":
		c.config.RegistryOnly = true
	default:
		return errors.New("want allow-any or registry-only")
	}
	return nil
}

// fromEnv sets flags from the environment.
func fromEnv(f *flag.FlagSet, getenv func(string) string) error {
	var bad []error
	f.VisitAll(func(one *flag.Flag) {
		name := "SIGHTLINE_" + strings.ToUpper(strings.ReplaceAll(one.Name, "-", "_"))
		if v := getenv(name); v != "" {
			if err := f.Set(one.Name, v); err != nil {
				bad = append(bad, fmt.Errorf("%s=%q: %w", name, v, err))
			}
		}
	})
	return errors.Join(bad...)
}
