package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy"
)

// workloads is a mesh with a control plane, a caller and a guarded app, in this
// process.
type workloads struct {
	*plant
	admin          *admin.Client
	caller, callee *proxy.Proxy
	client         *http.Client
	stopCallee     func()
	calleeDir      string
	inbound        string // address of vault's sidecar
	appPort        int
}

func newWorkloads(t *testing.T, app http.Handler) *workloads {
	t.Helper()
	w := &workloads{plant: newPlant(t)}
	w.admin = admin.NewClient(w.address, w.system.ClientTLS(w.system.ControlPlane()))
	t.Cleanup(w.admin.Close)
	s := httptest.NewServer(app)
	t.Cleanup(s.Close)
	w.appPort = s.Listener.Addr().(*net.TCPAddr).Port
	w.calleeDir, w.inbound = t.TempDir(), net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	w.startCallee()
	c := w.config("web")
	c.Dir = t.TempDir()
	w.caller, _ = w.sidecar(c)
	outbound := &url.URL{Scheme: "http", Host: w.caller.Place().Outbound}
	transport := &http.Transport{Proxy: http.ProxyURL(outbound)}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = &http.Client{Transport: transport, Timeout: patience}
	w.eventually("web reaches vault", func() bool { return w.status("/") == http.StatusOK })
	return w
}

func (w *workloads) config(service string) proxy.Config {
	c := proxy.Default()
	c.Service, c.Version, c.Token = service, "v1", w.token
	c.ControlPlane, c.Collector = w.address, w.collector
	c.Outbound, c.Inbound, c.Admin = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	return c
}

// startCallee starts the sidecar of vault, where the one before was.
func (w *workloads) startCallee() {
	w.Helper()
	c := w.config("vault")
	c.Dir, c.Inbound, c.Ports = w.calleeDir, w.inbound, []mesh.Port{{Number: uint16(w.appPort)}}
	w.callee, w.stopCallee = w.sidecar(c)
}

func (w *workloads) sidecar(c proxy.Config) (*proxy.Proxy, func()) {
	w.Helper()
	p, err := proxy.New(w.Context(), c, proxy.Deps{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.Fatal(err)
	}
	stop := background(w.T, p.Run)
	select {
	case <-p.Ready():
	case <-time.After(patience):
		w.Fatalf("the sidecar of %s is not ready", c.Service)
	}
	if len(c.Ports) > 0 {
		p.SetState(mesh.Ready)
	}
	return p, func() { p.DrainInbound(); stop() }
}

func (w *workloads) status(path string) int {
	w.Helper()
	status, _ := w.get(path)
	return status
}

func (w *workloads) get(path string) (status int, header http.Header) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet, "http://vault"+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	res, err := w.client.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode, res.Header
}

func (w *workloads) apply(manifest string) {
	w.Helper()
	if findings, err := w.admin.Apply(w.Context(), []byte(manifest), "test", false); err != nil {
		w.Fatalf("%v %+v", err, findings)
	}
}

// within polls until ok, and fails after a second or, where the machine is slow, the
// time that the test's own patience allows.
func (w *workloads) within(what string, ok func() bool) {
	w.Helper()
	start := time.Now()
	w.eventually(what, ok)
	if took := time.Since(start); took > time.Second {
		w.Logf("%s took %s, more than a second", what, took)
	}
}

func page(t *testing.T, p *proxy.Proxy, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Admin().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const guardVault = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: guard-vault
spec:
  selector: {matchLabels: {app: vault}}
  action: DENY
  rules:
  - from: [{source: {principals: ["cluster.local/ns/default/sa/web"]}}]
    to: [{operation: {paths: ["/secret*"], methods: [GET]}}]
`

func TestAuthorizationPolicyFromManifestToDenial(t *testing.T) {
	w := newWorkloads(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w.apply(guardVault)
	w.within("the denial", func() bool { return w.status("/secret/1") == http.StatusForbidden })
	_, header := w.get("/secret/1?x=y")
	if reason := header.Get("X-Sightline-Reason"); reason != "RBAC: access denied by policy default/guard-vault rule 0" {
		t.Errorf("reason %q", reason)
	}
	if flags := header.Get("X-Sightline-Flags"); flags != "UAEX" {
		t.Errorf("flags %q", flags)
	}
	if got := w.status("/open"); got != http.StatusOK {
		t.Errorf("a path the policy is not about: %d", got)
	}
	if got := page(t, w.callee, "/config"); !strings.Contains(got, `"name": "default/guard-vault"`) {
		t.Errorf("the policy in force is not shown:\n%s", got)
	}
	if got := page(t, w.caller, "/config"); strings.Contains(got, "guard-vault") {
		t.Error("the caller has a policy that does not select it")
	}
	if got := page(t, w.callee, "/metrics"); !strings.Contains(got, `sightline_authorization_decisions_total{decision="denied"} `) ||
		strings.Contains(got, `decision="denied"} 0`) {
		t.Errorf("the denial is not counted:\n%s", got)
	}

	w.apply(strings.Replace(guardVault, "  name: guard-vault", "  name: guard-vault\n  annotations: {istio.io/dry-run: \"true\"}", 1))
	w.within("the dry run", func() bool { return w.status("/secret/1") == http.StatusOK })
	if got := page(t, w.callee, "/metrics"); strings.Contains(got, `decision="dry_run_denied"} 0`) {
		t.Errorf("the rehearsed denial is not counted:\n%s", got)
	}

	w.apply(strings.Replace(guardVault, "action: DENY", "action: ALLOW", 1))
	w.within("all but the path is denied", func() bool { return w.status("/open") == http.StatusForbidden })
	if err := w.admin.Delete(t.Context(), "AuthorizationPolicy", mesh.DefaultNamespace, "guard-vault", "test"); err != nil {
		t.Fatal(err)
	}
	w.within("the end of the policy", func() bool { return w.status("/open") == http.StatusOK })
}

// What was in force last is in force again after a restart without a control plane.
func TestPoliciesOutliveTheControlPlane(t *testing.T) {
	w := newWorkloads(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w.apply(guardVault)
	w.within("the denial", func() bool { return w.status("/secret") == http.StatusForbidden })
	w.stopControlPlane()
	w.stopCallee()
	w.startCallee()
	w.within("an open path is reached again", func() bool { return w.status("/open") == http.StatusOK })
	if got := w.status("/secret"); got != http.StatusForbidden {
		t.Errorf("after a restart without a control plane: %d", got)
	}
}

const limitVault = `
apiVersion: sightline.dev/v1alpha1
kind: RateLimit
metadata: {name: limit-vault}
spec:
  selector: {matchLabels: {app: vault}}
  rules:
  - to: [{operation: {paths: ["/slow"]}}]
    requests: 2
    unit: hour
    per: caller
  inFlight: {requests: 100, connectionsPerCaller: 20, adaptive: {minRTT: {fixed: 5ms}}}
`

func TestRateLimitFromManifestToAnswer(t *testing.T) {
	w := newWorkloads(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w.apply(limitVault)
	w.within("the limit", func() bool { return w.status("/slow") == http.StatusTooManyRequests })
	_, header := w.get("/slow")
	if header.Get("X-Sightline-Reason") != "rate limit default/limit-vault rule 0" || header.Get("Retry-After") == "" || header.Get("X-Sightline-Flags") != "RL" {
		t.Errorf("answer %v", header)
	}
	if got := w.status("/fast"); got != http.StatusOK {
		t.Errorf("a path the limit is not about: %d", got)
	}
	if got := page(t, w.callee, "/metrics"); strings.Contains(got, "sightline_rate_limited_total 0\n") {
		t.Errorf("not counted:\n%s", got)
	}
	if got := page(t, w.callee, "/metrics"); !strings.Contains(got, "sightline_adaptive_min_rtt_seconds 0.005\n") {
		t.Errorf("no adaptive limit in force:\n%s", got)
	}
	if err := w.admin.Delete(t.Context(), "RateLimit", mesh.DefaultNamespace, "limit-vault", "test"); err != nil {
		t.Fatal(err)
	}
	w.within("the end of the limit", func() bool { return w.status("/slow") == http.StatusOK })
}
