package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy"
)

// command is one command line of `sightline-proxy run`.
type command struct {
	config proxy.Config
	app    []string // program and arguments of the app; none runs the sidecar alone
}

// parse reads a command line. Every flag may also be given as an environment variable:
// --control-plane is SIGHTLINE_CONTROL_PLANE. A flag outranks its variable.
func parse(args []string, getenv func(string) string, out io.Writer) (command, error) {
	c := command{config: proxy.Default()}
	f := flag.NewFlagSet("sightline-proxy run", flag.ContinueOnError)
	f.SetOutput(out)
	c.define(f)
	f.StringVar(&c.config.Token, "token", "", "join token; others on this machine can see it here: prefer SIGHTLINE_TOKEN or --token-file")
	tokenFile := f.String("token-file", "", "file with the join token")
	if err := fromEnv(f, getenv); err != nil {
		return c, err
	}
	if err := f.Parse(args); err != nil {
		return c, err
	}
	c.app = f.Args()
	if *tokenFile != "" {
		b, err := os.ReadFile(*tokenFile)
		if err != nil {
			return c, fmt.Errorf("read join token: %w", err)
		}
		c.config.Token = strings.TrimSpace(string(b))
	}
	return c, c.config.Validate()
}

func (c *command) define(f *flag.FlagSet) {
	p := &c.config
	f.StringVar(&p.Service, "service", p.Service, "name of the service the app is a copy of")
	f.StringVar(&p.Version, "version", p.Version, "version of the app")
	f.StringVar(&p.Namespace, "namespace", p.Namespace, "namespace of the service")
	f.StringVar(&p.Account, "account", p.Account, "account in the identity (default: the service)")
	f.StringVar(&p.Instance, "instance", p.Instance, "name of this copy (default: made up)")
	f.StringVar(&p.ControlPlane, "control-plane", p.ControlPlane, "host:port of the control plane")
	f.StringVar(&p.Collector, "collector", p.Collector, "host:port of OTLP over HTTP, none to send no telemetry (default: the control plane's host, port 4318)")
	f.StringVar(&p.Dir, "dir", p.Dir, "keeps certificate and last good configuration (default: in the user's state directory)")
	f.IntVar(&p.AppPort, "port", p.AppPort, "port the app listens on; none for an app that only calls")
	f.StringVar((*string)(&p.AppProtocol), "app-protocol", "", "what the app speaks: http, http2, grpc, tcp or tls (default: told by looking)")
	f.StringVar(&p.Outbound, "outbound", p.Outbound, "listener for the app's requests (default: "+proxy.DefaultOutbound+", or a free port)")
	f.StringVar(&p.Inbound, "inbound", p.Inbound, "listener for the mesh's requests (default: "+proxy.DefaultInbound+", or a free port)")
	f.StringVar(&p.Admin, "admin", p.Admin, "admin page (default: "+proxy.DefaultAdmin+", or a free port)")
	f.StringVar(&p.Advertise, "advertise", p.Advertise, "host others reach the inbound listener at (default: this machine's address towards the control plane)")
	f.DurationVar(&p.Drain, "drain", p.Drain, "how long requests under way may take at the end")
	f.BoolVar(&p.Profiles, "pprof", p.Profiles, "serve profiles on the admin page")
	f.Func("upstream", "listener for one service, name=host:port[,protocol=tcp]; a name alone only makes the service known; may be repeated", c.upstream)
	p.Build = version
}

// upstream reads "name=host:port" or a name alone, each with "protocol=tcp" after it
// if that is known.
func (c *command) upstream(s string) error {
	if c.config.Upstreams == nil {
		c.config.Upstreams = map[string]proxy.Upstream{}
	}
	last := ""
	for one := range strings.SplitSeq(s, ",") {
		name, value, ok := strings.Cut(one, "=")
		u := c.config.Upstreams[name]
		switch _, _, err := net.SplitHostPort(value); {
		case name == "protocol" && last != "" && err != nil:
			name = last
			u = c.config.Upstreams[name]
			if u.Protocol, err = mesh.ParseAppProtocol(value); err != nil {
				return err
			}
		case ok && err != nil, name == "":
			return errors.New("want name=host:port, such as orders=127.0.0.1:9101 or db=127.0.0.1:9102,protocol=tcp; or a name alone")
		default:
			u.Address = value
		}
		c.config.Upstreams[name], last = u, name
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
