package admin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errKnown = errors.New("known trouble")

// parts is the control plane behind the API; it notes what it is asked.
type parts struct {
	asked    string
	findings []mesh.Finding
	err      error
}

func (p *parts) Apply(_ context.Context, manifest []byte, by string, _ bool) ([]mesh.Finding, error) {
	return p.findings, p.note("apply", string(manifest), by)
}

func (p *parts) Replace(_ context.Context, manifest []byte, version uint64, by string) ([]mesh.Finding, error) {
	return p.findings, p.note("replace", string(manifest), strconv.FormatUint(version, 10), by)
}

func (p *parts) Change(_ context.Context, number uint64) (mesh.Change, error) {
	return mesh.Change{}, p.note("change", strconv.FormatUint(number, 10))
}

func (p *parts) Delete(_ context.Context, kind, namespace, name, by string) ([]mesh.Finding, error) {
	return p.findings, p.note("delete", kind, namespace, name, by)
}

func (p *parts) Resources(_ context.Context, kind string) ([]mesh.Resource, error) {
	return nil, p.note("resources", kind)
}

func (p *parts) Analyze(context.Context) ([]mesh.Finding, error) { return nil, p.note("analyze") }

func (p *parts) History(_ context.Context, q HistoryQuery) ([]mesh.Change, error) {
	return nil, p.note("history", fmt.Sprint(q.Below, q.Limit), q.Kind, q.Namespace, q.Name)
}

func (p *parts) Restore(_ context.Context, change uint64, by string, _ bool) (mesh.Restoration, error) {
	return mesh.Restoration{}, p.note("restore", strconv.FormatUint(change, 10), by)
}

func (p *parts) SLOs(context.Context) ([]mesh.SLO, error) { return nil, p.note("slos") }

func (p *parts) Traffic(_ context.Context, s mesh.ServiceName) (mesh.Traffic, error) {
	return mesh.Traffic{Service: s}, p.note("traffic", string(s))
}

func (p *parts) SetTraffic(_ context.Context, s mesh.ServiceName, w map[mesh.Version]uint32, by string) (mesh.Traffic, error) {
	return mesh.Traffic{Service: s, Weights: w}, p.note("set", string(s), by)
}

func (p *parts) UndoTraffic(_ context.Context, s mesh.ServiceName, by string) (mesh.Traffic, error) {
	return mesh.Traffic{}, p.note("undo", string(s), by)
}

func (p *parts) Verdicts(context.Context) ([]mesh.Verdict, error) { return nil, p.note("verdicts") }

func (p *parts) Trip(_ context.Context, t mesh.Target, reason, by string) (mesh.Verdict, error) {
	return mesh.Verdict{}, p.note("trip", t.String(), reason, by)
}

func (p *parts) Release(_ context.Context, id, by string) error { return p.note("release", id, by) }

func (p *parts) Hold(_ context.Context, id, by string) error { return p.note("hold", id, by) }

func (p *parts) report(_ context.Context, seen []mesh.Observation, from string) error {
	return p.note("report", seen[0].Target.String()+from)
}

func (p *parts) note(words ...string) error {
	p.asked = strings.Join(words, " ")
	return p.err
}

func (p *parts) handler() http.Handler {
	return NewHandler(Deps{
		Config: p, Traffic: p, Breakers: p,
		Events: func(_ context.Context, q EventQuery) ([]mesh.Event, error) {
			return nil, p.note("events", q.After, q.Since, string(q.Kind), string(q.Service))
		},
		Report: p.report,
		Proxies: func(_ context.Context, own bool) ([]mesh.ProxyStatus, error) {
			return nil, p.note("proxies", strconv.FormatBool(own))
		},
		Propagation: func(_ context.Context, own bool) (mesh.Propagation, error) {
			return mesh.Propagation{}, p.note("propagation", strconv.FormatBool(own))
		},
		Replicas:   func(context.Context) ([]mesh.Replica, error) { return nil, p.note("replicas") },
		Unreadable: func(context.Context) ([]mesh.Unreadable, error) { return nil, p.note("unreadable") },
		CreateToken: func(_ context.Context, r TokenRequest) (string, error) {
			return "slt_…", p.note("token", r.Service, r.Namespace, r.By)
		},
		Status: func(err error) int {
			if errors.Is(err, errKnown) {
				return http.StatusConflict
			}
			return 0
		},
		Logger: slog.New(slog.DiscardHandler),
	})
}

// as makes requests arrive with the certificate of an account of a namespace.
func as(namespace string, next http.Handler) http.Handler {
	id := &url.URL{Scheme: "spiffe", Host: "mesh.local", Path: "/ns/" + namespace + "/sa/ui"}
	leaf := &x509.Certificate{URIs: []*url.URL{id}, DNSNames: []string{"ui-1.none.ui." + namespace + ".sightline"}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
		next.ServeHTTP(w, r)
	})
}

func dial(t *testing.T, h http.Handler) *Client {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.StartTLS()
	c := NewClient(server.URL, server.Client().Transport.(*http.Transport).TLSClientConfig)
	t.Cleanup(func() {
		c.Close()
		server.Close()
	})
	return c
}

func TestCallsArrive(t *testing.T) {
	p := &parts{}
	c := dial(t, as("sightline", p.handler()))
	ctx := t.Context()
	drop := func(_ any, err error) error { return err }
	for want, call := range map[string]func() error{
		"apply kind: X\n ada":                    func() error { return drop(c.Apply(ctx, []byte("kind: X\n"), "ada", true)) },
		"replace kind: X\n 7 ada":                func() error { return drop(c.Replace(ctx, []byte("kind: X\n"), 7, "ada")) },
		"change 41":                              func() error { return drop(c.Change(ctx, 41)) },
		"resources SLO":                          func() error { return drop(c.Resources(ctx, "SLO")) },
		"delete VirtualService shop reviews ada": func() error { return c.Delete(ctx, "VirtualService", "shop", "reviews", "ada") },
		"analyze":                                func() error { return drop(c.Analyze(ctx)) },
		"history 7 3 SLO shop web": func() error {
			return drop(c.History(ctx, HistoryQuery{Below: 7, Limit: 3, Kind: "SLO", Namespace: "shop", Name: "web"}))
		},
		"history 0 20   ":           func() error { return drop(c.History(ctx, HistoryQuery{})) },
		"restore 41 ada":            func() error { return drop(c.Restore(ctx, 41, "ada", false)) },
		"slos":                      func() error { return drop(c.SLOs(ctx)) },
		"traffic orders.production": func() error { return drop(c.Traffic(ctx, "orders.production")) },
		"set reviews ada":           func() error { return drop(c.SetTraffic(ctx, "reviews", map[mesh.Version]uint32{"v1": 1}, "ada")) },
		"undo reviews ada":          func() error { return c.UndoTraffic(ctx, "reviews", "ada") },
		"verdicts":                  func() error { return drop(c.Verdicts(ctx)) },
		"trip reviews:v2 smells of ada ada": func() error {
			return c.Trip(ctx, mesh.Target{Service: "reviews", Version: "v2"}, "smells of ada", "ada")
		},
		"release v/1 ada": func() error { return c.Release(ctx, "v/1", "ada") },
		"hold v-1 ada":    func() error { return c.Hold(ctx, "v-1", "ada") },
		"report reviews":  func() error { return c.Report(ctx, []mesh.Observation{{Target: mesh.Target{Service: "reviews"}}}) },
		"report reviewscp-1": func() error {
			return c.PassOn(ctx, []mesh.Observation{{Target: mesh.Target{Service: "reviews"}}}, "cp-1")
		},
		"proxies false":     func() error { _, err := c.Proxies(ctx); return err },
		"proxies true":      func() error { _, err := c.OwnProxies(ctx); return err },
		"propagation false": func() error { return drop(c.Propagation(ctx)) },
		"propagation true":  func() error { return drop(c.OwnPropagation(ctx)) },
		"unreadable":        func() error { return drop(c.Unreadable(ctx)) },
		"replicas":          func() error { _, err := c.Replicas(ctx); return err },
		"events a s config reviews": func() error {
			return drop(c.Events(ctx, EventQuery{After: "a", Since: "s", Kind: "config", Service: "reviews"}))
		},
		"token web shop ada": func() error {
			return drop(c.CreateToken(ctx, TokenRequest{Service: "web", Namespace: "shop", By: "ada"}))
		},
	} {
		if err := call(); err != nil || p.asked != want {
			t.Errorf("got %q, %v, want %q", p.asked, err, want)
		}
	}
	if proxies, err := c.Proxies(ctx); err != nil || proxies == nil {
		t.Errorf("no proxies are %v, %v, want an empty list", proxies, err)
	}
}

// A clock is read over the network: what that took is not counted as one that is behind.
func TestAClockIsCompared(t *testing.T) {
	for _, ahead := range []time.Duration{0, 3 * time.Minute, -time.Hour} {
		c := dial(t, as("sightline", NewHandler(Deps{
			Clock: func() time.Time { return time.Now().Add(ahead) }, Logger: slog.New(slog.DiscardHandler),
		})))
		begun := time.Now()
		got, err := c.ClockAhead(t.Context())
		if off := (got - ahead).Abs(); err != nil || off > time.Since(begun) {
			t.Errorf("a clock that is %s ahead is said to be so by %s, %v", ahead, got, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	findings := []mesh.Finding{{Severity: "error", Resource: "VirtualService default/reviews", Path: "spec.hosts", Message: "must be given"}}
	p := &parts{findings: findings, err: errKnown}
	c := dial(t, as("sightline", p.handler()))
	got, err := c.Apply(t.Context(), nil, "ada", false)
	if diff := cmp.Diff(findings, got); err != nil || diff != "" {
		t.Errorf("apply: %v, %s", err, diff)
	}
	err = c.Delete(t.Context(), "VirtualService", "default", "reviews", "ada")
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusConflict || !strings.Contains(err.Error(), "spec.hosts: must be given") {
		t.Errorf("delete: %v", err)
	}
	_, err = c.Traffic(t.Context(), "reviews")
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusConflict || err.Error() != "known trouble" {
		t.Errorf("known error: %v", err)
	}
	p.err = errors.New("disk on fire")
	_, err = c.Traffic(t.Context(), "reviews")
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusInternalServerError {
		t.Errorf("own error: %v", err)
	}
}

func TestOnlyTheMeshsOwnPartsAreLetIn(t *testing.T) {
	p := &parts{}
	for name, c := range map[string]struct {
		handler http.Handler
		want    int
	}{
		"no certificate":  {p.handler(), http.StatusUnauthorized},
		"another's":       {as("default", p.handler()), http.StatusForbidden},
		"the mesh's own":  {as("sightline", p.handler()), http.StatusOK},
		"a longer prefix": {as("sightline-evil", p.handler()), http.StatusForbidden},
	} {
		w := httptest.NewRecorder()
		c.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/admin/v1/proxies", nil))
		if w.Code != c.want {
			t.Errorf("%s: got %d, want %d", name, w.Code, c.want)
		}
	}
}

func TestBodiesAreReadStrictly(t *testing.T) {
	h := as("sightline", (&parts{}).handler())
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"unknown field":   {"POST", "/verdicts", `{"tarrget":{}}`, http.StatusBadRequest},
		"two values":      {"POST", "/verdicts/v-1/hold", `{"by":"ada"}{}`, http.StatusBadRequest},
		"not JSON":        {"PUT", "/traffic/reviews", `weights`, http.StatusBadRequest},
		"no target":       {"POST", "/verdicts", `{}`, http.StatusBadRequest},
		"no name":         {"GET", "/traffic/no_name", ``, http.StatusBadRequest},
		"no number":       {"GET", "/events?limit=x", ``, http.StatusBadRequest},
		"too long":        {"POST", "/tokens", `{"by":"` + strings.Repeat("a", maxBody) + `"}`, http.StatusRequestEntityTooLarge},
		"too long a text": {"POST", "/config", strings.Repeat("a", maxBody+1), http.StatusRequestEntityTooLarge},
		"no such path":    {"GET", "/nowhere", ``, http.StatusNotFound},
		"no such method":  {"PATCH", "/config", ``, http.StatusMethodNotAllowed},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, "/admin/v1"+c.path, strings.NewReader(c.body)))
		if w.Code != c.want {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, c.want)
		}
		var problem Error
		if c.want == http.StatusBadRequest && (json.Unmarshal(w.Body.Bytes(), &problem) != nil || problem.Detail == "") {
			t.Errorf("%s: answer %q is no problem with a detail", name, w.Body)
		}
	}
}

func TestAnswerThatIsNoProblem(t *testing.T) {
	c := dial(t, http.NotFoundHandler())
	_, err := c.Proxies(t.Context())
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusNotFound || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v, want a 404", err)
	}
}
