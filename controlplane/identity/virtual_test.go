package identity_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/token"
	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

// records is a store of one value.
type records struct{ state *ca.State }

func (r *records) GetOrCreate(_ context.Context, _ string, produce func() (ca.State, error)) (ca.State, error) {
	if r.state == nil {
		s, err := produce()
		if err != nil {
			return s, err
		}
		r.state = &s
	}
	return *r.state, nil
}

func (r *records) Update(_ context.Context, _ string, change func(ca.State) (ca.State, error)) error {
	s, err := change(*r.state)
	if err == nil {
		r.state = &s
	}
	return err
}

// unsealed is a sealer that seals nothing.
type unsealed struct{}

func (unsealed) Encrypt(_ context.Context, secret []byte, _ string) ([]byte, error) {
	return secret, nil
}

func (unsealed) Decrypt(_ context.Context, sealed []byte, _ string) ([]byte, error) {
	return sealed, nil
}

// plane is a control plane in memory, as far as identity sees one, that can be away.
type plane struct {
	wireconnect.UnimplementedControlPlaneHandler

	authority *ca.Authority
	server    *http.Server
	conns     chan net.Conn

	mu       sync.Mutex
	away     bool
	open     []net.Conn
	asked    []proto.Message // all that was said to it
	enrolled int
	renewed  int
	reports  []*wire.TrustReport
}

func (p *plane) Enroll(_ context.Context, r *connect.Request[wire.EnrollRequest]) (*connect.Response[wire.CertificateResponse], error) {
	p.note(r.Msg, &p.enrolled)
	return p.certify(r.Msg.GetCsr())
}

func (p *plane) Renew(_ context.Context, r *connect.Request[wire.RenewRequest]) (*connect.Response[wire.CertificateResponse], error) {
	p.note(r.Msg, &p.renewed)
	return p.certify(r.Msg.GetCsr())
}

func (p *plane) Trust(ctx context.Context, st *connect.BidiStream[wire.TrustReport, wire.TrustUpdate]) error {
	go func() {
		for {
			m, err := st.Receive()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.reports = append(p.reports, m)
			p.mu.Unlock()
		}
	}()
	for {
		now := p.authority.Trust()
		if err := st.Send(&wire.TrustUpdate{Version: now.Version, Roots: now.Roots, Signer: now.Signer, Revoked: wire.FromRevocations(now.Revoked)}); err != nil {
			return err
		}
		select {
		case <-now.Changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *plane) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (*plane) Addr() net.Addr { return &net.TCPAddr{} }
func (*plane) Close() error   { return nil }

func (p *plane) note(m proto.Message, count *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, m)
	*count++
}

func (p *plane) certify(csr []byte) (*connect.Response[wire.CertificateResponse], error) {
	chain, _, err := p.authority.IssueRequest(csr, web)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&wire.CertificateResponse{Chain: chain, Roots: p.authority.Bundle()}), nil
}

func (p *plane) dial(context.Context, string, string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	p.open = append(p.open, theirs)
	p.conns <- theirs
	return ours, nil
}

// leave cuts all connections and takes no more until it is called with false.
func (p *plane) leave(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
	for _, c := range p.open {
		_ = c.Close()
	}
	p.open = nil
}

var web = identity.Workload{Service: "web", Namespace: "default", Account: "web", Instance: "web-1"}

// newPlane starts one; the test's bubble has to end it by the function it returns.
func newPlane(t *testing.T) *plane { t.Helper(); return newPlaneAt(t, time.Now) }

// newPlaneAt is newPlane with a clock of its own.
func newPlaneAt(t *testing.T, now func() time.Time) *plane {
	t.Helper()
	a, err := ca.Load(t.Context(), ca.Config{TrustDomain: "mesh.local", TTL: 24 * time.Hour}, ca.Deps{Records: &records{}, Sealer: unsealed{}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	p := &plane{authority: a, conns: make(chan net.Conn, 10)}
	_, handler := wireconnect.NewControlPlaneHandler(p)
	p.server = &http.Server{Handler: handler, TLSConfig: a.ListenerTLS("cp"), ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = p.server.ServeTLS(p, "", "")
	}()
	t.Cleanup(func() {
		p.leave(true)
		close(p.conns)
		_ = p.server.Close()
		<-served
	})
	return p
}

// source is a workload of the plane's that runs until the test ends.
func source(t *testing.T, p *plane, logs io.Writer, joinToken string, more ...func(*identity.Config)) *identity.Source {
	t.Helper()
	cfg := identity.Config{
		ControlPlane: "cp:15012", Token: joinToken, Workload: web, Dial: p.dial,
		Logger: slog.New(slog.NewTextHandler(logs, nil)),
	}
	for _, set := range more {
		set(&cfg)
	}
	s, err := identity.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return s
}

// shake makes a handshake of the workload with itself.
func shake(s *identity.Source) error {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	server := tls.Server(b, s.ServerTLS("x"))
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	err := tls.Client(a, s.ClientTLS(s.Self().Identity, "x")).Handshake()
	_ = a.Close()
	return errors.Join(err, <-done)
}

// Three days: the certificate is replaced at half of its life, and there is a good one
// at every moment.
func TestRenewalsOfThreeDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlane(t)
		s := source(t, p, io.Discard, token.New(p.authority.Root()).String())
		for range 72 {
			time.Sleep(time.Hour)
			if err := shake(s); err != nil {
				t.Fatalf("at %s: %v", time.Now(), err)
			}
			if a := s.Status().Alarm; a != identity.NoAlarm {
				t.Fatalf("at %s: alarm %s", time.Now(), a)
			}
		}
		synctest.Wait()
		if p.enrolled != 1 || p.renewed < 5 || p.renewed > 7 {
			t.Errorf("enrolled %d times and renewed %d times, want 1 and 6", p.enrolled, p.renewed)
		}
	})
}

// The CA is away for 20 h from soon after the start on: certificates last, it is said
// loud before they end, and they are renewed when it is back.
func TestAuthorityIsAwayForTwentyHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		p := newPlane(t)
		s := source(t, p, &logs, token.New(p.authority.Root()).String())
		time.Sleep(time.Hour)
		p.leave(true)
		for range 20 {
			time.Sleep(time.Hour)
			if err := shake(s); err != nil {
				t.Fatalf("at %s: %v", time.Now(), err)
			}
		}
		synctest.Wait()
		status := s.Status()
		if status.Alarm != identity.Warning || status.Failures < 100 || !strings.Contains(status.Failure, "connection refused") {
			t.Errorf("after 20 h: %+v", status)
		}
		if n := strings.Count(logs.String(), "level=ERROR"); n != 1 || !strings.Contains(logs.String(), "alarm=warning") {
			t.Errorf("%d errors in the log, want one of a third of the life", n)
		}
		p.leave(false)
		time.Sleep(time.Minute)
		if status = s.Status(); status.Failures != 0 || time.Until(status.Expires) < 23*time.Hour || status.Alarm != identity.NoAlarm || status.Failed < 100 {
			t.Errorf("a minute after it is back: %+v", status)
		}
		if status.Trust == 0 {
			t.Error("nothing is heard of whom to trust")
		}
	})
}

// Away for longer than a certificate lasts: with its token the workload comes back.
func TestExpiredCertificateIsReplacedByItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		p := newPlane(t)
		s := source(t, p, &logs, token.New(p.authority.Root()).String())
		time.Sleep(time.Minute)
		p.leave(true)
		time.Sleep(25 * time.Hour)
		if err := shake(s); err == nil {
			t.Error("an expired certificate was let in")
		}
		synctest.Wait()
		if s.Status().Alarm != identity.Expired {
			t.Errorf("%+v", s.Status())
		}
		for _, said := range []string{"alarm=warning", "alarm=critical", "alarm=expired"} {
			if strings.Count(logs.String(), said) != 1 {
				t.Errorf("the log says %s %d times", said, strings.Count(logs.String(), said))
			}
		}
		p.leave(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := shake(s); err != nil || p.enrolled != 2 {
			t.Errorf("a minute after it is back: %v, enrolled %d times", err, p.enrolled)
		}
	})
}

// What a workload says to the control plane holds requests for certificates, and no
// private key.
func TestPrivateKeysStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlane(t)
		joinToken := token.New(p.authority.Root()).String()
		s := source(t, p, io.Discard, joinToken)
		var keys []*ecdsa.PrivateKey
		for range 3 {
			c, err := s.ClientTLS("").GetClientCertificate(nil)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, c.PrivateKey.(*ecdsa.PrivateKey))
			time.Sleep(13 * time.Hour)
		}
		synctest.Wait()
		if keys[0].Equal(keys[1]) || keys[1].Equal(keys[2]) || len(p.asked) < 3 {
			t.Errorf("a key was used again, or nothing was asked: %d", len(p.asked))
		}
		for i, m := range p.asked {
			raw, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range keys {
				secret, err := k.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(raw, secret) {
					t.Error("a private key crossed the wire")
				}
			}
			csr := m.(interface{ GetCsr() []byte }).GetCsr()
			if request, err := x509.ParseCertificateRequest(csr); err != nil || i < len(keys) && !keys[i].PublicKey.Equal(request.PublicKey) {
				t.Errorf("what was sent is no request for the key in use: %v", err)
			}
		}
	})
}

// A new root signs: holders renew at once, and a revoked one is refused from then on.
func TestNewRootAndRevocationReachHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlane(t)
		s := source(t, p, io.Discard, token.New(p.authority.Root()).String())
		time.Sleep(time.Second)
		first := s.Status()
		for _, do := range []func(context.Context) error{p.authority.Distribute, p.authority.SignWithNext, p.authority.Retire} {
			if err := do(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if err := shake(s); err != nil {
				t.Fatal(err)
			}
		}
		last := s.Status()
		if last.Serial == first.Serial || last.Roots != 1 || last.Trust != p.authority.Trust().Version {
			t.Errorf("after a rotation: %+v", last)
		}
		if _, err := p.authority.Revoke(t.Context(), last.Serial, mesh.Leaf{}, "ada", ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := shake(s); !errors.Is(err, identity.ErrRevoked) {
			t.Errorf("revoked: %v", err)
		}
	})
}

// watched is a connection with s of a workload that never renews, which s watches.
func watched(t *testing.T, p *plane, s *identity.Source, joinToken string) (theirs net.Conn, ours *tls.Conn) {
	t.Helper()
	old, err := identity.Open(t.Context(), identity.Config{ControlPlane: "cp:15012", Token: joinToken, Workload: web, Dial: p.dial})
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	ours = tls.Server(b, s.ServerTLS("x"))
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		if ours.Handshake() == nil {
			s.Watch(ours)
			_, _ = io.Copy(ours, ours)
		}
		_ = ours.Close()
	}()
	t.Cleanup(func() {
		_ = a.Close()
		<-echoed
	})
	client := tls.Client(a, old.ClientTLS(s.Self().Identity, "x"))
	if err := echoes(client); err != nil {
		t.Fatal(err)
	}
	return client, ours
}

func echoes(c net.Conn) error {
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

// Who is below a root that is gone is told of, to be ended in order, and cut off when the
// drain time is over; who is revoked is cut off at once; and the end of a certificate's
// life alone cuts nobody off.
func TestConnectionsOfOldRootsDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlane(t)
		joinToken := token.New(p.authority.Root()).String()
		var retired [][]*tls.Conn
		s := source(t, p, io.Discard, joinToken, func(c *identity.Config) {
			c.Drain, c.Retired = 20*time.Second, func(gone []*tls.Conn) { retired = append(retired, gone) }
		})
		first, ours := watched(t, p, s, joinToken)
		time.Sleep(26 * time.Hour)
		if err := echoes(first); err != nil {
			t.Errorf("its certificate has expired: %v", err)
		}
		for _, do := range []func(context.Context) error{p.authority.Distribute, p.authority.SignWithNext, p.authority.Retire} {
			if len(retired) > 0 {
				t.Error("no root is gone yet")
			}
			if err := do(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if len(retired) != 1 || len(retired[0]) != 1 || retired[0][0] != ours {
			t.Errorf("told of %v, want the connection once", retired)
		}
		later, _ := watched(t, p, s, token.New(p.authority.Root()).String())
		time.Sleep(18 * time.Second)
		if err := echoes(first); err != nil {
			t.Errorf("19 s after its root is gone: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := echoes(first); err == nil {
			t.Error("21 s after its root is gone, the connection stands")
		}
		if err := echoes(later); err != nil {
			t.Errorf("of the new root: %v", err)
		}
		if _, err := p.authority.Revoke(t.Context(), string(s.Self().Identity), mesh.Leaf{}, "ada", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := echoes(later); err == nil {
			t.Error("revoked, and the connection stands")
		}
	})
}

// Clocks that are five minutes apart let no handshake and no renewal fail, a rotation
// included; it is said, before it would hurt.
func TestClocksAreFiveMinutesApart(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"ahead": 5 * time.Minute, "behind": -5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logs bytes.Buffer
				p := newPlaneAt(t, func() time.Time { return time.Now().Add(-ahead) })
				s := source(t, p, &logs, token.New(p.authority.Root()).String())
				for hour := range 16 {
					time.Sleep(time.Hour)
					switch hour {
					case 13:
						must(t, p.authority.Distribute(t.Context()))
					case 14:
						must(t, p.authority.SignWithNext(t.Context()))
					case 15:
						must(t, p.authority.Retire(t.Context()))
					}
					time.Sleep(time.Minute)
					if err := shake(s); err != nil {
						t.Fatalf("hour %d: %v", hour, err)
					}
				}
				synctest.Wait()
				at := s.Status()
				if at.Failed > 0 || at.Alarm != identity.NoAlarm || at.Roots != 1 {
					t.Errorf("%+v", at)
				}
				if at.Ahead.Round(time.Minute) != ahead || !strings.Contains(logs.String(), "this machine's clock is off") {
					t.Errorf("%v ahead, want %v; the log: %s", at.Ahead, ahead, logs.String())
				}
			})
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A control plane sees a clock that goes wrong within a minute, not with the next renewal.
func TestHoldersSayTheTimeEveryMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlane(t)
		source(t, p, io.Discard, token.New(p.authority.Root()).String())
		synctest.Wait()
		said := func() int {
			p.mu.Lock()
			defer p.mu.Unlock()
			n := len(p.reports)
			if n == 0 {
				t.Fatal("nothing was reported")
			}
			if late := time.Since(p.reports[n-1].GetNow().AsTime()); late > time.Minute {
				t.Errorf("the newest report is of %s ago", late)
			}
			return n
		}
		before := said()
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if n := said() - before; n != 10 {
			t.Errorf("%d reports in ten minutes, want 10", n)
		}
	})
}
