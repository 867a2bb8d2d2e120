package controlplane

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/push"
)

// callers make handshake after handshake until the test ends, and count those that
// failed. Each is an exchange in both directions.
type callers struct {
	made, failed atomic.Int64
	stop         func()
}

func startCallers(t *testing.T, server *identity.Source, clients ...*identity.Source) *callers {
	t.Helper()
	address, out := echo(t, server), &callers{}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, client := range clients {
		all.Go(func() {
			for ctx.Err() == nil {
				_, err := say(ctx, address, client.ClientTLS(server.Self().Identity, "echo"))
				if ctx.Err() != nil {
					return
				}
				out.made.Add(1)
				if err != nil {
					out.failed.Add(1)
					t.Errorf("handshake: %v", err)
				}
			}
		})
	}
	out.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	t.Cleanup(out.stop)
	return out
}

// step goes on with a rotation as soon as it may.
func step(t *testing.T, c *admin.Client, phase string) {
	t.Helper()
	var at mesh.Authority
	eventually(t, "phase "+phase, func() bool {
		var err error
		at, err = c.Rotate(t.Context(), admin.RotateRequest{By: "ada"})
		var refused *admin.Error
		if err != nil && (!errors.As(err, &refused) || refused.Status != http.StatusConflict) {
			t.Fatalf("rotate: %v", err)
		}
		return err == nil
	})
	if at.Phase != phase {
		t.Fatalf("phase is %q, want %q", at.Phase, phase)
	}
}

// The root is replaced twice while workloads call each other, and the control plane is
// restarted in each phase: no handshake fails, and at the end nobody uses the old root.
func TestRootIsRotatedUnderTraffic(t *testing.T) {
	t.Parallel()
	p := newPlant(t, func(c *Config) { c.InstanceTTL = 2 * time.Second })
	c := p.admin()
	token := p.token(c)
	dir := t.TempDir()
	reviews, web := p.join(token, workload("reviews", "v1", "reviews-1"), ""), p.join(token, workload("web", "", "web-1"), dir)
	calls := startCallers(t, reviews, web, p.join(token, workload("shop", "", "shop-1"), ""))
	first, err := c.Authority(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, phase := range []string{"distribute", "renew", "steady"} {
			step(t, c, phase)
			p.stop()
			p.start(nil)
		}
	}
	calls.stop()
	t.Logf("%d handshakes, %d failed", calls.made.Load(), calls.failed.Load())
	if calls.made.Load() < 20 {
		t.Errorf("%d handshakes, want there to be traffic", calls.made.Load())
	}
	last, err := c.Authority(t.Context())
	if err != nil || len(last.Roots) != 1 || last.Roots[0].Fingerprint == first.Roots[0].Fingerprint || last.Tokens == 0 {
		t.Errorf("at the end: %+v, %v", last, err)
	}
	again, err := identity.Open(t.Context(), identity.Config{ControlPlane: p.address, Token: token, Dir: dir, Workload: workload("web", "", "web-1")})
	if err != nil || again.Expires() != web.Expires() {
		t.Errorf("a restart with the token of the first root: %v", err)
	}
	if _, err := identity.Open(t.Context(), identity.Config{ControlPlane: p.address, Token: token, Workload: workload("new", "", "new-1")}); err == nil {
		t.Error("a token of a root that is gone let somebody in")
	}
	if _, err := identity.Open(t.Context(), identity.Config{ControlPlane: p.address, Token: p.token(c), Workload: workload("new", "", "new-1")}); err != nil {
		t.Errorf("with a token of the new root: %v", err)
	}
	events, err := c.Events(t.Context(), admin.EventQuery{Kind: mesh.EventIdentity})
	if err != nil || len(events) != 6 || events[0].By != "ada" {
		t.Errorf("events: %+v, %v, want each step by who did it", events, err)
	}
}

// A rotation waits for who does not listen, and goes on without it when told to.
func TestRotationWaitsForWhoLags(t *testing.T) {
	t.Parallel()
	p := newPlant(t, func(c *Config) { c.InstanceTTL = 2 * time.Second })
	c := p.admin()
	deaf, err := identity.Open(t.Context(), identity.Config{ControlPlane: p.address, Token: p.token(c), Workload: workload("deaf", "", "deaf-1")})
	if err != nil { // it never runs: it holds a certificate and hears of nothing
		t.Fatal(err)
	}
	step(t, c, "distribute")
	step(t, c, "renew")
	_, err = c.Rotate(t.Context(), admin.RotateRequest{By: "ada"})
	var refused *admin.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		t.Fatalf("rotate: %v, want a conflict", err)
	}
	eventually(t, "all but one to have renewed", func() bool {
		at, err := c.Authority(t.Context())
		return err == nil && at.Old == 0 && len(at.Outstanding) == 1 && at.Outstanding[0].Instance == "deaf-1"
	})
	_, err = c.Rotate(t.Context(), admin.RotateRequest{By: "ada"})
	if err == nil || !strings.Contains(err.Error(), "deaf-1") {
		t.Errorf("rotate: %v, want it to name who lags", err)
	}
	at, err := c.Rotate(t.Context(), admin.RotateRequest{By: "ada", Force: true})
	if err != nil || at.Phase != "steady" {
		t.Errorf("forced: %+v, %v", at, err)
	}
	if err := deafened(t, p, deaf); err == nil {
		t.Error("a certificate of the old root was let in")
	}
}

// deafened tries to speak to the control plane.
func deafened(t *testing.T, p *plant, src *identity.Source) error {
	t.Helper()
	c := src.ClientTLS("", "h2")
	c.VerifyConnection = nil
	a := admin.NewClient(p.address, c)
	defer a.Close()
	_, err := a.Proxies(t.Context())
	if _, answered := errors.AsType[*admin.Error](err); answered {
		return nil // refused for what it is, not for its certificate
	}
	return err
}

func TestRevokedPeersAreCutOff(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	token := p.token(c)
	server, thief, honest := p.join(token, workload("reviews", "", "reviews-1"), ""), p.join(token, workload("web", "", "web-1"), ""), p.join(token, workload("web", "", "web-2"), "")
	sidecar := p.sidecar(token, workload("mole", "", "mole-1"), "mole")
	sidecar.until(t, "arrival of mole", "mole", instances(1))
	address := watchedEcho(t, server)
	stands := open(t, address, thief, server)

	if _, err := c.Revoke(t.Context(), admin.RevokeRequest{What: thief.Status().Serial, Reason: "stolen", By: "ada"}); err != nil {
		t.Fatal(err)
	}
	_ = stands.SetReadDeadline(time.Now().Add(patience))
	if _, err := stands.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "timeout") {
		t.Errorf("a revoked peer's connection stands: %v", err)
	}
	eventually(t, "refusal of a new handshake", func() bool {
		_, err := say(t.Context(), address, thief.ClientTLS(server.Self().Identity, "echo"))
		return err != nil
	})
	if _, err := say(t.Context(), address, honest.ClientTLS(server.Self().Identity, "echo")); err != nil {
		t.Errorf("another instance of the same identity: %v", err)
	}
	if err := deafened(t, p, thief); err == nil {
		t.Error("the control plane speaks to a revoked certificate")
	}
	if _, err := c.Revoke(t.Context(), admin.RevokeRequest{What: string(sidecar.source.Self().Identity), By: "ada"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of the revoked sidecar's stream", func() bool {
		all, err := c.Proxies(t.Context())
		return err == nil && !slices.ContainsFunc(all, func(s mesh.ProxyStatus) bool { return s.Instance.ID == "mole-1" })
	})
	at, err := c.Authority(t.Context())
	if err != nil || len(at.Revoked) != 2 || at.Revoked[0].Reason != "stolen" || at.Revoked[0].Identity != thief.Self().Identity {
		t.Errorf("revoked: %+v, %v", at.Revoked, err)
	}
	if _, err := c.Revoke(t.Context(), admin.RevokeRequest{What: "nonsense", By: "ada"}); err == nil || !strings.Contains(err.Error(), "serial number in hex") {
		t.Errorf("nonsense: %v", err)
	}
}

// watchedEcho is echo whose connections end with their peers' certificates.
func watchedEcho(t *testing.T, src *identity.Source) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", src.ServerTLS("echo"))
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				if t := c.(*tls.Conn); t.HandshakeContext(context.Background()) == nil {
					src.Watch(t)
					_, _ = io.Copy(c, c)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	return l.Addr().String()
}

// open is a connection on which both ends have spoken.
func open(t *testing.T, address string, from, to *identity.Source) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", address, from.ClientTLS(to.Self().Identity, "echo"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTokensAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	made, err := c.CreateToken(t.Context(), admin.TokenRequest{Service: "shop-*", Uses: 1, By: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Split(made, "_")[1]
	list, err := c.Tokens(t.Context())
	i := slices.IndexFunc(list, func(j mesh.JoinToken) bool { return j.ID == id })
	if err != nil || i < 0 || list[i].Service != "shop-*" || list[i].Uses != 1 || list[i].By != "ada" || list[i].State != "good" {
		t.Errorf("list: %+v, %v", list, err)
	}
	if err := c.RevokeToken(t.Context(), id, "ada"); err != nil {
		t.Error(err)
	}
	if _, err := identity.Open(t.Context(), identity.Config{ControlPlane: p.address, Token: made, Workload: workload("shop-a", "", "a-1")}); err == nil {
		t.Error("a revoked token let somebody in")
	}
	var refused *admin.Error
	if err := c.RevokeToken(t.Context(), id, "ada"); !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		t.Errorf("revoked twice: %v", err)
	}
	if _, err := c.CreateToken(t.Context(), admin.TokenRequest{Service: "Shop"}); !errors.As(err, &refused) || refused.Status != http.StatusBadRequest {
		t.Errorf("a pattern that fits nothing: %v", err)
	}
}

// Of many who come at once with a token of a few uses, no more are let in than that.
func TestUsesAreCountedOnce(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	made, err := p.admin().CreateToken(t.Context(), admin.TokenRequest{Uses: 3})
	if err != nil {
		t.Fatal(err)
	}
	var let atomic.Int64
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			w := workload("web", "", "web-"+string(rune('a'+i)))
			if _, err := identity.Open(t.Context(), identity.Config{ControlPlane: p.address, Token: made, Workload: w}); err == nil {
				let.Add(1)
			}
		})
	}
	all.Wait()
	if let.Load() != 3 {
		t.Errorf("%d were let in with 3 uses", let.Load())
	}
}

// Steps that are asked of different control planes are one rotation, and each waits for
// holders that are connected to another.
func TestRotationOfSeveralControlPlanes(t *testing.T) {
	t.Parallel()
	all := fleet(t)
	a, b, c := all[0], all[1], all[2]
	first := a.admin()
	token := a.token(first)
	reviews, web := b.join(token, workload("reviews", "", "reviews-1"), ""), c.join(token, workload("web", "", "web-1"), "")
	calls := startCallers(t, reviews, web)
	old := web.Status()
	step(t, first, "distribute")
	step(t, b.admin(), "renew")
	step(t, c.admin(), "steady")
	calls.stop()
	eventually(t, "the end of the old root everywhere", func() bool {
		return web.Status().Roots == 1 && reviews.Status().Roots == 1 && web.Status().Serial != old.Serial
	})
	if calls.made.Load() == 0 {
		t.Error("there was no traffic")
	}
}

// A root that is gone takes with it what was let in by it: calls on a connection that
// stands, streams, and connections between workloads. Those with a new certificate go on.
func TestRetiredRootEndsConnections(t *testing.T) {
	t.Parallel()
	p := newPlant(t, func(c *Config) { c.InstanceTTL = 2 * time.Second })
	c := p.admin()
	token := p.token(c)
	server := p.join(token, workload("reviews", "", "reviews-1"), "")
	old := func(token string, w identity.Workload) *identity.Source { // it never renews
		s, err := identity.Open(t.Context(), identity.Config{ControlPlane: p.address, Token: token, Workload: w})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	stands := open(t, watchedEcho(t, server), old(token, workload("web", "", "web-1")), server)
	thief := old(p.systemToken(), identity.Workload{Service: "ui", Namespace: mesh.SystemNamespace, Instance: "ui-2"})
	transport := &http.Transport{TLSClientConfig: thief.ClientTLS(thief.ControlPlane(), "h2"), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	ask := func() (int, error) {
		res, err := (&http.Client{Transport: transport}).Get("https://" + p.address + "/admin/v1/proxies")
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return res.StatusCode, errors.Join(err, res.Body.Close())
	}
	if status, err := ask(); status != http.StatusOK {
		t.Fatalf("before: %d, %v", status, err)
	}
	step(t, c, "distribute")
	step(t, c, "renew")
	eventually(t, "all but two to have renewed", func() bool {
		at, err := c.Authority(t.Context())
		return err == nil && len(at.Outstanding) == 2
	})
	if _, err := c.Rotate(t.Context(), admin.RotateRequest{By: "ada", Force: true}); err != nil {
		t.Fatal(err)
	}
	if status, err := ask(); err != nil || status != http.StatusMisdirectedRequest {
		t.Errorf("on a connection of the old root: %d, %v", status, err)
	}
	eventually(t, "end of that connection", func() bool {
		_, err := ask()
		return err != nil
	})
	_ = stands.SetReadDeadline(time.Now().Add(patience))
	if _, err := stands.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("a connection of the old root stands: %v", err)
	}
	if _, err := c.Authority(t.Context()); err != nil {
		t.Errorf("an honest client's call, on a connection from before: %v", err)
	}
}

// A workload whose certificate on disk was revoked comes back by a restart with its token.
func TestRevokedWorkloadComesBackByItsToken(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	token, dir, w := p.token(c), t.TempDir(), workload("web", "", "web-1")
	first, err := identity.Open(t.Context(), identity.Config{ControlPlane: p.address, Token: token, Dir: dir, Workload: w})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Revoke(t.Context(), admin.RevokeRequest{What: first.Status().Serial, By: "ada"}); err != nil {
		t.Fatal(err)
	}
	again := p.join(token, w, dir)
	eventually(t, "a certificate that is not revoked", func() bool {
		return again.Status().Serial != first.Status().Serial && deafened(t, p, again) == nil
	})
}

// ends counts the streams that ended without another to take their place.
type ends struct {
	slog.Handler

	n *atomic.Int64
}

func (ends) Enabled(context.Context, slog.Level) bool { return true }

func (e ends) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "control plane feed ended" {
		e.n.Add(1)
	}
	return nil
}

// fed is a stream to the control plane with the certificate of a workload.
func fed(t *testing.T, p *plant, cfg identity.Config) (feed *push.Client, source *identity.Source, ended *atomic.Int64) {
	t.Helper()
	cfg.ControlPlane, cfg.Renewed = p.address, func() { feed.Reopen() }
	source, err := identity.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended = new(atomic.Int64)
	feed = push.New(push.Config{
		ControlPlane: p.address, TLS: source.ClientTLS(source.ControlPlane(), "h2"),
		Instance: mesh.Instance{Address: netip.MustParseAddrPort("127.0.0.1:15006"), State: mesh.Ready},
		Logger:   slog.New(ends{slog.DiscardHandler, ended}),
	}, func([]mesh.Snapshot) error { return nil })
	feed.Subscribe("reviews")
	background(t, feed.Run)
	return feed, source, ended
}

// A stream is made anew with each certificate, before the old one ends: none is missing
// over several lives of certificates. Who does not renew is sent away when its certificate
// expires.
func TestStreamsLastNoLongerThanCertificates(t *testing.T) {
	t.Parallel()
	p := newPlant(t, func(c *Config) { c.CertificateTTL = 4 * time.Second })
	token := p.token(p.admin())
	web, source, ended := fed(t, p, identity.Config{Token: token, Workload: workload("web", "", "web-1")})
	stale, old, sentAway := fed(t, p, identity.Config{Token: token, Workload: workload("stale", "", "stale-1")})
	eventually(t, "streams", func() bool { return web.Status().Connected && stale.Status().Connected })
	background(t, source.Run)
	for first := source.Expires(); source.Expires().Before(first.Add(12 * time.Second)); {
		serial, since := source.Status().Serial, web.Status().Since
		eventually(t, "another certificate and stream", func() bool {
			return source.Status().Serial != serial && web.Status().Since.After(since)
		})
	}
	if n := ended.Load(); n > 0 {
		t.Errorf("%d streams ended before there was another", n)
	}
	if time.Now().Before(old.Expires()) || sentAway.Load() == 0 || stale.Status().Connected {
		t.Errorf("the stream of an expired certificate: %d ends, %+v", sentAway.Load(), stale.Status())
	}
}
