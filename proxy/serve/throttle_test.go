package serve

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/gradient"
	"github.com/sightline-mesh/sightline/proxy/inflight"
	"github.com/sightline-mesh/sightline/proxy/ratelimit"
)

func matcher(t *testing.T, r mesh.AuthorizationRule) *authorize.Matcher {
	t.Helper()
	m, err := authorize.CompileRule(&r, "mesh.local")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRateLimits(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(ok)})
	side := m.sidecars[0]
	limiter := func(n int) *ratelimit.Limiter {
		return ratelimit.New(ratelimit.Config{Requests: n, Unit: time.Hour})
	}
	n := 0
	for _, client := range []*http.Client{m.client(t), m.client2(t)} {
		side.guard.Store(&Guard{Rates: []Rate{
			{Name: "default/a rule 0", Match: matcher(t, mesh.AuthorizationRule{To: []mesh.Operation{{Paths: []string{"/few"}}}}), Limiter: limiter(2)},
			{Name: "default/a rule 1", Match: matcher(t, mesh.AuthorizationRule{}), PerHeader: "x-user", Limiter: limiter(3)},
			{Name: "default/a rule 2", Match: matcher(t, mesh.AuthorizationRule{}), PerCaller: true, Limiter: limiter(6)},
		}})
		for i, tt := range []struct {
			path, user, reason string
		}{
			{"/few", "ada", ""},
			{"/few", "ada", ""},
			{"/few", "ada", "rate limit default/a rule 0"},
			{"/many", "ada", ""},
			{"/many", "ada", "rate limit default/a rule 1"},
			{"/many", "bob", ""},
			{"/many", "eve", ""},
			{"/many", "joe", ""},
			{"/many", "mia", "rate limit default/a rule 2"},
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://reviews"+tt.path, nil)
			r.RequestURI = ""
			r.Header.Set("X-User", tt.user)
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			rec := side.records.await(t, n)
			n++
			if rec.Reason != tt.reason || (res.StatusCode == http.StatusTooManyRequests) != (tt.reason != "") {
				t.Errorf("%d over %s: %d, %+v", i, rec.Protocol, res.StatusCode, rec)
			}
			if tt.reason != "" && (rec.Flags != "RL" || res.Header.Get("Retry-After") == "" || res.Header.Get("Retry-After") == "0") {
				t.Errorf("%d over %s: %v, %+v", i, rec.Protocol, res.Header, rec)
			}
		}
	}
	if g := side.in.Guarded(); g.Limited != 6 {
		t.Errorf("counted %+v", g)
	}
}

// holding is an app that tells of each request for /hold as it arrives, and answers it
// once it gets something from hold, or hold is closed.
func holding() (keeper app, arrived, hold chan struct{}) {
	arrived, hold = make(chan struct{}), make(chan struct{})
	return app{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			arrived <- struct{}{}
			<-hold
		}
	})}, arrived, hold
}

func TestLimitsOfRequestsInFlight(t *testing.T) {
	keeper, arrived, hold := holding()
	m := newMesh(t, meshConfig{}, keeper)
	side := m.sidecars[0]
	client := m.client(t)
	for i, tt := range []struct {
		bounds inflight.Bounds
		reason string
	}{
		{inflight.Bounds{All: inflight.Fixed(2)}, "limit of requests in flight reached: default/f"},
		{inflight.Bounds{All: inflight.Fixed(100), PerCaller: 2}, "caller's limit of requests in flight reached: default/g"},
	} {
		side.guard.Store(&Guard{InFlight: &InFlight{Bounds: tt.bounds, Name: "default/f", PerCallerName: "default/g"}})
		var held sync.WaitGroup
		for range 2 {
			held.Go(func() { get(t, client, "http://reviews/hold", 200) })
			<-arrived
		}
		get(t, client, "http://reviews/", 503)
		if rec := side.records.await(t, 4*i); rec.Reason != tt.reason || rec.Flags != "UO" {
			t.Errorf("told as %+v", rec)
		}
		hold <- struct{}{}
		hold <- struct{}{}
		held.Wait()
		side.records.await(t, 4*i+2) // both are over for the sidecar, too
		get(t, client, "http://reviews/", 200)
		side.records.await(t, 4*i+3)
	}
	if l := side.in.Load(); l.Crowded != 2 || l.InFlight != 0 || l.Waited != 0 {
		t.Errorf("counted %+v", l)
	}
}

// TestPeersLimitTripsNoBreaker: its refusals are no failures of the instance, but those
// that its app makes are, even if they look alike.
func TestPeersLimitTripsNoBreaker(t *testing.T) {
	var lies atomic.Int32
	failing := app{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		lies.Add(1)
		w.Header().Set("X-Sightline-Flags", "UO")
		w.WriteHeader(http.StatusServiceUnavailable)
	})}
	m := newMesh(t, meshConfig{}, failing, failing)
	for _, s := range m.sidecars {
		s.guard.Store(&Guard{InFlight: &InFlight{Bounds: inflight.Bounds{All: inflight.Fixed(0)}, Name: "default/f"}})
	}
	tripped := func() (n int) {
		for _, i := range m.set.State().Instances {
			if i.Breaker != "admitting" {
				n++
			}
		}
		return n
	}
	clients := []*http.Client{m.client(t), m.client2(t)}
	for range 30 {
		for _, c := range clients {
			get(t, c, "http://reviews/", 503)
		}
	}
	if s := unary(t.Context(), m, t); s.Code() != codes.Unavailable || tripped() != 0 || lies.Load() != 0 {
		t.Errorf("gRPC: %v; %d breakers tripped by refusals of the peers' own, want none", s, tripped())
	}
	for _, s := range m.sidecars {
		s.guard.Store(&Guard{})
	}
	for range 30 {
		get(t, clients[0], "http://reviews/", 503)
	}
	if tripped() == 0 {
		t.Error("the breaker believes what the app says of sidecars")
	}
}

// What is not enforced must cost nothing: the layers are asked with no limit in force
// and with some that do not fit.
func TestLayersAllocateNothing(t *testing.T) {
	in := NewInbound(InboundConfig{}, InboundDeps{})
	last := func(*exchange) error { return nil }
	handle := in.guard(in.authenticate(in.authorize(in.throttle(in.admit(in.begin(last))))))
	x := &exchange{ctx: t.Context(), via: tries{}, seat: &inflight.Caller{}, caller: authorize.NewCaller(authorize.Connection{Identity: "spiffe://mesh.local/ns/default/sa/web"})}
	x.rec.MTLS = true
	x.ask.Method, x.ask.Path, x.ask.Authority = "GET", "/a?b", "reviews"
	x.ask.Header = func(string) (string, bool) { return "", false }
	guards := map[string]*Guard{
		"nothing": {},
		"all": {
			Authorize: guardWith(t, deny(mesh.AuthorizationRule{To: []mesh.Operation{{Paths: []string{"/secret"}}}})).Authorize,
			Rates: []Rate{
				{Match: matcher(t, mesh.AuthorizationRule{To: []mesh.Operation{{Methods: []string{"PUT"}}}}), Limiter: ratelimit.New(ratelimit.Config{Requests: 1, Unit: time.Hour})},
				{Match: matcher(t, mesh.AuthorizationRule{}), PerCaller: true, Limiter: ratelimit.New(ratelimit.Config{Requests: 1 << 30, Unit: time.Hour})},
			},
			InFlight: &InFlight{Bounds: inflight.Bounds{All: inflight.Fixed(10), PerCaller: 5}},
			Adaptive: &Adaptive{Control: gradient.New(gradient.Config{}, nil)},
		},
	}
	for name, g := range guards {
		in.deps.Guard = func() *Guard { return g }
		if err := handle(x); err != nil {
			t.Fatal(name, err)
		}
		if n := testing.AllocsPerRun(1000, func() { handle(x) }); n != 0 { //nolint:errcheck // it was nil before
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
