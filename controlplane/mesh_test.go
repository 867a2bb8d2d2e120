package controlplane

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/push"
	"github.com/sightline-mesh/sightline/loadtest/freeport"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(runChild(dir))
	}
	goleak.VerifyTestMain(settled{m}, noLeak)
}

// noLeak is no goroutine of ours.
var noLeak = goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start")

// settled lets connections between members of an etcd run out, which takes them seconds,
// before anybody looks for leaks.
type settled struct{ *testing.M }

func (m settled) Run() int {
	code := m.M.Run()
	for until := time.Now().Add(20 * time.Second); goleak.Find(noLeak) != nil && time.Now().Before(until); {
		continue // Find itself waits
	}
	return code
}

// patience is how long a test waits for what should happen at once.
const patience = time.Minute

// plant is a control plane that a test can stop and start again in place.
type plant struct {
	t       *testing.T
	cfg     Config
	deps    Deps // of the first start; the listener and the logger are its own
	address string
	stop    func()
}

// freeAddress is one that stays free until something listens on it, or does so again.
func freeAddress(t *testing.T) string {
	t.Helper()
	found, err := freeport.Find(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return found[0].String()
}

// newPlant starts a control plane on an address of its own.
func newPlant(t *testing.T, change ...func(*Config)) *plant {
	t.Helper()
	return newPlantWith(t, Deps{}, change...)
}

func newPlantWith(t *testing.T, d Deps, change ...func(*Config)) *plant {
	t.Helper()
	cfg := DefaultConfig(t.TempDir())
	cfg.Listen = freeAddress(t)
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		c(&cfg)
	}
	p := &plant{t: t, cfg: cfg, deps: d, address: cfg.Listen}
	p.start(l)
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *plant) start(l net.Listener) {
	p.t.Helper()
	p.launch(l)()
}

// launch starts it; what it returns waits until it is ready, as members of one etcd are
// together alone.
func (p *plant) launch(l net.Listener) (await func()) {
	p.t.Helper()
	d := p.deps
	p.deps = Deps{}
	d.Logger, d.Listener = logger(p.t), l
	cp, err := New(p.cfg, d)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- cp.Run(ctx) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Errorf("control plane ended with %v", err)
		}
	})
	return func() {
		p.t.Helper()
		select {
		case <-cp.Ready():
		case err := <-done:
			p.t.Fatalf("control plane did not start: %v", err)
		}
	}
}

func (p *plant) systemToken() string {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.cfg.Dir, TokenFile))
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// join enrols a workload and renews its certificate for as long as the test runs.
func (p *plant) join(token string, w identity.Workload, dir string) *identity.Source {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	src, err := identity.Open(ctx, identity.Config{ControlPlane: p.address, Token: token, Dir: dir, Workload: w, Drain: time.Second, Logger: logger(p.t)})
	if err != nil {
		p.t.Fatal(err)
	}
	background(p.t, src.Run)
	return src
}

// admin is a client as the UI has one.
func (p *plant) admin() *admin.Client { return p.adminAt(p.address) }

// adminAt is one that asks the control planes at some addresses.
func (p *plant) adminAt(addresses string) *admin.Client {
	p.t.Helper()
	src := p.join(p.systemToken(), identity.Workload{Service: "ui", Namespace: mesh.SystemNamespace, Instance: "ui-1"}, "")
	c := admin.NewClient(addresses, src.ClientTLS(src.ControlPlane()))
	p.t.Cleanup(c.Close)
	return c
}

func (p *plant) token(c *admin.Client) string {
	p.t.Helper()
	token, err := c.CreateToken(p.t.Context(), admin.TokenRequest{By: "test"})
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

// sidecar is as much of one as the control plane sees.
type sidecar struct {
	*push.Client
	source *identity.Source
	sets   chan []mesh.Snapshot // newest only
	leave  func()               // says goodbye and waits

	away atomic.Pointer[mesh.TurnedAway] // nil is none

	mu     sync.Mutex
	refuse error
}

func (p *plant) sidecar(token string, w identity.Workload, wants ...mesh.ServiceName) *sidecar {
	p.t.Helper()
	s := &sidecar{source: p.join(token, w, ""), sets: make(chan []mesh.Snapshot, 1)}
	s.Client = push.New(push.Config{
		ControlPlane: p.address,
		TLS:          s.source.ClientTLS(s.source.ControlPlane(), "h2"),
		Instance:     mesh.Instance{Address: netip.MustParseAddrPort("127.0.0.1:15006"), State: mesh.Ready, AppProtocol: mesh.TCP, AppPort: 5432},
		Build:        "test",
		Logger:       logger(p.t),
		TurnedAway: func() (out mesh.TurnedAway) {
			if away := s.away.Load(); away != nil {
				out = *away
			}
			return out
		},
	}, s.apply)
	s.Subscribe(wants...)
	s.leave = background(p.t, s.Run)
	return s
}

func (s *sidecar) apply(snaps []mesh.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	select {
	case <-s.sets:
	default:
	}
	s.sets <- snaps
	return nil
}

func (s *sidecar) refuseWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

// until waits for a set in which the service is as wanted.
func (s *sidecar) until(t *testing.T, what string, service mesh.ServiceName, ok func(mesh.Snapshot) bool) mesh.Snapshot {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case set := <-s.sets:
			for _, snap := range set {
				if snap.Service == service && ok(snap) {
					return snap
				}
			}
		case <-deadline:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// background runs f until the test ends, or the function it returns is called.
func background(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually polls for what has no other way to be waited for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen", what)
		}
	}
}

func logger(t *testing.T) *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func instances(n int) func(mesh.Snapshot) bool {
	return func(s mesh.Snapshot) bool { return len(s.Instances) == n }
}

func workload(service, version, instance string) identity.Workload {
	return identity.Workload{Service: service, Version: version, Instance: instance}
}
