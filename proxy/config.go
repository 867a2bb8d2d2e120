package proxy

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/normalize"
	"github.com/sightline-mesh/sightline/proxy/redact"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

// Config is what a person says of one sidecar.
type Config struct {
	Service   string // whom the sidecar stands beside; a DNS label
	Version   string // of the app; may be empty
	Namespace string // default "default"
	Account   string // last part of the identity; default the service
	// Locality is where the sidecar runs, region/zone/subzone; the last ones may be missing.
	// Calls prefer instances near it. Empty is not known.
	Locality mesh.Locality
	Instance string // unique in the mesh; default service, version and a random part

	// ControlPlane is the host:port of the control plane, or of several, with commas between
	// them: the next is used when one dies or falls silent. Default 127.0.0.1:15012.
	ControlPlane string
	// Collector is the host:port of OTLP over HTTP; default the first control plane's host
	// and 4318. NoCollector tells nobody of any request.
	Collector string
	Token     string // join token; needed until a certificate is in Dir

	// SPIRESocket is where a SPIRE agent answers, "unix:///run/spire/agent.sock", if that gives
	// the certificate and not the control plane.
	SPIRESocket string
	Dir         string // keeps certificate and last good snapshot

	// Ports are where the app listens on this machine; none is an app that only calls. The
	// first is who callers mean that name no port. What is spoken on one is its Protocol,
	// else what its name says (mesh.ProtocolOf); with neither callers tell by looking.
	Ports []mesh.Port
	// AppProtocol is what the app speaks on the first port, if that does not say itself.
	AppProtocol mesh.AppProtocol

	// Outbound, Inbound and Admin are the listeners' addresses. One left empty takes
	// its stable port, or a free one when that is taken.
	Outbound  string              // default 127.0.0.1:15001
	Inbound   string              // default :15006
	Admin     string              // default 127.0.0.1:15000
	Upstreams map[string]Upstream // by service, "orders", or by service and port, "orders:9090"
	// Advertise is the host others reach the inbound listener at; default the address
	// this machine has towards the control plane.
	Advertise string

	// Transparent says that the kernel redirects the app's connections here, as the rules
	// of package intercept make it do.
	Transparent bool
	// RegistryOnly refuses redirected connections that go out of the mesh.
	RegistryOnly bool
	// DetectTime is how long a client may say nothing, where its protocol is not known,
	// before the server is asked to speak first. Default and most 1 s.
	DetectTime time.Duration
	// StreamIdle is how long a stream of bytes may lie idle. Default 1 h.
	StreamIdle time.Duration
	// Paths is how much is done to the paths of requests: NONE, BASE, MERGE_SLASHES or
	// DECODE_AND_MERGE_SLASHES. Default is what the mesh says, which all sidecars of a
	// mesh should agree on; and until it has said anything, BASE.
	Paths string
	// MaxHead and MaxBody bound requests, in bytes. Default 64 KiB, which is the most, and
	// no bound.
	MaxHead int
	MaxBody uint64
	// RequestIdle is how long a request and its answer may move no byte, unless they are
	// gRPC, a stream of events or an upgrade. 0, the default, and below is no bound.
	RequestIdle time.Duration
	// SecretParams are query parameters whose values are not told in telemetry, beside those whose
	// names look like a secret\'s. Default redact.Defaults; an empty list that is not nil
	// has all values told.
	SecretParams []string
	// ServerFirst are ports of apps where servers speak first. Default serve.ServerFirst.
	ServerFirst []uint16

	// Drain is how long requests under way may take when the sidecar ends. Default 30 s.
	Drain time.Duration
	// Profiles serves pprof on the admin page.
	Profiles bool
	// Build is the program's version.
	Build string
}

// NoCollector is the Collector of a sidecar that keeps its telemetry to itself.
const NoCollector = "none"

// Upstream is a service that the app calls, and a listener for it alone.
type Upstream struct {
	// Address is the listener's. Empty is none: the service is only known from the
	// start, so that intercepted connections to its instances are told by address.
	Address string
	// Protocol is what is spoken there; empty is what the instances say, else it is told
	// by looking.
	Protocol mesh.AppProtocol
}

// Stable addresses of the listeners.
const (
	DefaultOutbound     = "127.0.0.1:15001"
	DefaultInbound      = ":15006"
	DefaultAdmin        = "127.0.0.1:15000"
	DefaultControlPlane = "127.0.0.1:15012"
)

// Default is a sidecar on this machine's own mesh.
func Default() Config {
	return Config{
		Namespace: mesh.DefaultNamespace, ControlPlane: DefaultControlPlane,
		Drain: 30 * time.Second, DetectTime: maxDetect, StreamIdle: time.Hour,
	}
}

// maxDetect bounds DetectTime: a client that waits for its server waits for so long.
const maxDetect = time.Second

// Validate names every fault at once.
func (c Config) Validate() error {
	bad := append(c.badNames(), c.badAddresses()...)
	bad = append(bad, c.badPorts()...)
	if _, err := mesh.ParseAppProtocol(string(c.AppProtocol)); err != nil {
		bad = append(bad, fmt.Errorf("app-protocol: %w", err))
	}
	if c.DetectTime < 0 || c.DetectTime > maxDetect {
		bad = append(bad, fmt.Errorf("detect-time: %s is not between 0 and %s", c.DetectTime, maxDetect))
	}
	if c.StreamIdle < 0 {
		bad = append(bad, fmt.Errorf("stream-idle: %s is below 0", c.StreamIdle))
	}
	bad = append(bad, c.badIntake()...)
	if c.Drain < 0 {
		bad = append(bad, fmt.Errorf("drain: %s is below 0", c.Drain))
	}
	if c.Locality != "" {
		if _, err := mesh.ParseLocality(string(c.Locality)); err != nil {
			bad = append(bad, fmt.Errorf("locality: %w", err))
		}
	}
	return errors.Join(bad...)
}

// maxHead is what the codecs take.
const maxHead = 64 << 10

func (c Config) badIntake() (bad []error) {
	if _, err := normalize.Parse(c.Paths); err != nil {
		bad = append(bad, fmt.Errorf("path-normalization: %w", err))
	}
	if c.MaxHead < 0 || c.MaxHead > maxHead {
		bad = append(bad, fmt.Errorf("max-request-head: %d is not between 0 and %d bytes", c.MaxHead, maxHead))
	}
	for _, name := range c.SecretParams {
		if !redact.Valid(name) {
			bad = append(bad, fmt.Errorf("secret-params: %q is not the name of a query parameter", name))
		}
	}
	return bad
}

// intake is what requests have to be like; what the mesh pushed holds where the Config,
// which is valid, says nothing.
func (c Config) intake(pushed *normalize.Setting) serve.Intake {
	mode, _ := normalize.Parse(c.Paths)
	in := serve.Intake{Paths: mode, MaxHead: c.MaxHead, MaxBody: c.MaxBody, Idle: c.RequestIdle}
	if c.Paths == "" {
		in.Pushed = pushed
	}
	return in
}

// firstControlPlane is the one that the collector is beside.
func (c Config) firstControlPlane() string {
	first, _, _ := strings.Cut(c.ControlPlane, ",")
	return strings.TrimSpace(first)
}

func (c Config) badNames() (bad []error) {
	for _, part := range []struct {
		name, value string
		required    bool
	}{
		{"service", c.Service, true},
		{"namespace", c.Namespace, true},
		{"version", c.Version, false},
		{"account", c.Account, false},
		{"instance", c.Instance, false},
	} {
		if (part.required || part.value != "") && !mesh.IsLabel(part.value) {
			bad = append(bad, fmt.Errorf("%s: %q is not a DNS label (lower-case letters, digits, hyphens)", part.name, part.value))
		}
	}
	return bad
}

func (c Config) badAddresses() (bad []error) {
	check := func(name, addr string) {
		if _, _, err := net.SplitHostPort(addr); addr != "" && err != nil {
			bad = append(bad, fmt.Errorf("%s: %q: want host:port", name, addr))
		}
	}
	for address := range strings.SplitSeq(c.ControlPlane, ",") {
		check("control-plane", strings.TrimSpace(address))
	}
	if c.Collector != NoCollector {
		check("collector", c.Collector)
	}
	check("outbound", c.Outbound)
	check("inbound", c.Inbound)
	check("admin", c.Admin)
	for _, service := range slices.Sorted(maps.Keys(c.Upstreams)) {
		check("upstream "+service, c.Upstreams[service].Address)
		if _, err := mesh.ParseAppProtocol(string(c.Upstreams[service].Protocol)); err != nil {
			bad = append(bad, fmt.Errorf("upstream %s: %w", service, err))
		}
		if _, err := portOf(service, Upstream{}, c.Namespace); err != nil {
			bad = append(bad, fmt.Errorf("upstream: %w", err))
		}
	}
	return bad
}
