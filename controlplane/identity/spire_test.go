package identity_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/identity"
)

// spireAgent is a Workload API on grpc-go, with the messages of go-spiffe. Each stream
// is told what holds at first, and then every change.
type spireAgent struct {
	workload.UnimplementedSpiffeWorkloadAPIServer

	mu      sync.Mutex
	now     *workload.X509SVIDResponse // nil is nothing yet
	changed chan struct{}
}

func (a *spireAgent) FetchX509SVID(_ *workload.X509SVIDRequest, st grpc.ServerStreamingServer[workload.X509SVIDResponse]) error {
	if md, _ := metadata.FromIncomingContext(st.Context()); len(md["workload.spiffe.io"]) != 1 {
		return status.Error(codes.InvalidArgument, "security header missing from request")
	}
	for {
		now, changed := a.look()
		if now != nil {
			if err := st.Send(now); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-st.Context().Done():
			return nil
		}
	}
}

func (a *spireAgent) look() (*workload.X509SVIDResponse, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now, a.changed
}

func (a *spireAgent) say(all ...*workload.X509SVID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = &workload.X509SVIDResponse{Svids: all}
	close(a.changed)
	a.changed = make(chan struct{})
}

// startAgent serves on a socket until it is stopped, which ends all streams.
func startAgent(t *testing.T, socket string) (a *spireAgent, stop func()) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	a = &spireAgent{changed: make(chan struct{})}
	server := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(server, a)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	stop = sync.OnceFunc(func() {
		server.Stop()
		<-served
	})
	t.Cleanup(stop)
	return a, stop
}

// svid is one of a workload, as an agent says it, and its serial number.
func svid(t *testing.T, a *ca.Authority, w identity.Workload) (*workload.X509SVID, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	chain, leaf, err := a.IssueRequest(csr, w)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &workload.X509SVID{
		SpiffeId: string(leaf.Identity), X509Svid: bytes.Join(chain, nil), X509SvidKey: raw, Bundle: bytes.Join(a.Bundle(), nil),
	}, leaf.Serial
}

func spireAuthority(t *testing.T) *ca.Authority {
	t.Helper()
	a, err := ca.Load(t.Context(), ca.Config{TrustDomain: "mesh.local", TTL: time.Hour}, ca.Deps{Records: &records{}, Sealer: unsealed{}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// lines is a log that is read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), s)
}

// The agent gives SVIDs one after the other, of one root and then of another, goes and
// comes back: handshakes go through with each, and what is not ours is refused.
func TestSVIDsOfAnAgent(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "agent.sock")
	agent, stop := startAgent(t, socket)
	spire, logs := spireAuthority(t), &lines{}
	other := web
	other.Instance = "web-2"
	opened := make(chan *identity.Source, 1)
	go func() {
		s, err := identity.Open(t.Context(), identity.Config{
			ControlPlane: "127.0.0.1:1", SPIRESocket: "unix://" + socket, Workload: web, Dir: t.TempDir(),
			Logger: slog.New(slog.NewTextHandler(logs, nil)),
		})
		if err != nil {
			t.Errorf("open: %v", err)
		}
		opened <- s
	}()
	wrong, _ := svid(t, spire, other)
	agent.say(wrong)
	within(t, "a word on what is wrong", func() bool { return logs.has("web-1.none.web.default.sightline") })
	first, serial := svid(t, spire, web)
	agent.say(wrong, first)
	s := <-opened
	if s == nil || s.Status().Serial != serial {
		t.Fatalf("got %+v", s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	for range 3 {
		next, serial := svid(t, spire, web)
		agent.say(next)
		within(t, "the next SVID", func() bool { return s.Status().Serial == serial })
		if err := shake(s); err != nil {
			t.Error(err)
		}
		spire = spireAuthority(t) // another root the next time
	}
	good := s.Status().Serial
	agent.say(wrong)
	within(t, "refusal", func() bool { return s.Status().Failures > 0 })
	if err := shake(s); err != nil || s.Status().Serial != good {
		t.Errorf("after one that is of no use: %v", err)
	}
	stop()
	within(t, "a word on the agent's end", func() bool { return logs.has("is asked again") })
	if err := shake(s); err != nil {
		t.Errorf("without an agent: %v", err)
	}
	agent, _ = startAgent(t, socket)
	next, serial := svid(t, spire, web)
	agent.say(next)
	within(t, "an SVID after its restart", func() bool { st := s.Status(); return st.Serial == serial && st.Failures == 0 })
}

func TestSPIRESocketIsRead(t *testing.T) {
	for _, socket := range []string{"tcp://127.0.0.1:1", "agent.sock", "unix://agent.sock"} {
		_, err := identity.Open(t.Context(), identity.Config{ControlPlane: "127.0.0.1:1", SPIRESocket: socket, Workload: web})
		if err == nil || !strings.Contains(err.Error(), "want unix:///path") {
			t.Errorf("%s: got %v", socket, err)
		}
	}
}
