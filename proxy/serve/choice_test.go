package serve

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-7": 0, "7.5": 0, "soon": 0, "99999999999": 0, "4000000000": mostAfter,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	for value, want := range map[string]time.Duration{"": 0, "250": 250 * time.Millisecond, "-1": 0, "x": 0} {
		if got := pushback(value); got != want {
			t.Errorf("pushback %q: %v, want %v", value, got, want)
		}
	}
}

// TestCookieBringsTheClientBack: the mesh sets the cookie, over either protocol, and
// who sends it back comes to the same instance.
func TestCookieBringsTheClientBack(t *testing.T) {
	policy := mesh.Policy{LoadBalancer: mesh.RingHash, Hash: &mesh.Hash{
		Cookie: &mesh.HashCookie{Name: "user", Set: true, TTL: time.Hour, Path: "/"},
	}}
	m := newMesh(t, meshConfig{policy: policy}, to(t, "one"), to(t, "two"), to(t, "three"))
	for name, c := range map[string]*http.Client{"http/1.1": m.client(t), "h2": m.client2(t)} {
		homes := map[string]bool{}
		for range 20 {
			res, home := do(t, c, request(t, "GET", "/", nil))
			set := res.Header.Values("Set-Cookie")
			if len(set) != 1 || !strings.HasPrefix(set[0], "user=") || !strings.HasSuffix(set[0], "; Max-Age=3600; Path=/; HttpOnly") {
				t.Fatalf("%s: cookies %q", name, set)
			}
			homes[home] = true
			cookie, _, _ := strings.Cut(set[0], ";")
			for range 3 {
				r := request(t, "GET", "/", nil)
				r.Header.Set("Cookie", "a=b; "+cookie)
				res, where := do(t, c, r)
				if where != home || len(res.Header.Values("Set-Cookie")) != 0 {
					t.Fatalf("%s: came to %s, want %s; cookies %q", name, where, home, res.Header.Values("Set-Cookie"))
				}
			}
		}
		if len(homes) < 2 {
			t.Errorf("%s: all new clients went to %v", name, homes)
		}
	}
}

// TestLimitsOfConnectionsAreTheServices: two instances share what the policy allows.
func TestLimitsOfConnectionsAreTheServices(t *testing.T) {
	m := newMesh(t, meshConfig{policy: mesh.Policy{
		LoadBalancer: mesh.RoundRobin, Limits: mesh.Limits{Connections: 2, RequestsPerConnection: 1},
	}}, to(t, "one"), to(t, "two"))
	c := m.client(t)
	for range 10 {
		if res, _ := do(t, c, request(t, "GET", "/", nil)); res.Status != 200 {
			t.Fatalf("%d %s", res.Status, res.Header.Get("X-Sightline-Reason"))
		}
	}
	// The last one ends when its answer has been passed on, which the client may outrun.
	got := m.set.State().Services[0].Connections
	eventually(t, func() string { return fmt.Sprintf("connections %+v: one request each, and all have ended", got) }, func() bool {
		got = m.set.State().Services[0].Connections
		return got.Limit == 2 && got.Used == 0
	})
}

// TestRecordSaysWhoWasPassedOver is what the log tells of a choice.
func TestRecordSaysWhoWasPassedOver(t *testing.T) {
	var n atomic.Int32
	m := newMesh(t, meshConfig{policy: mesh.Policy{
		LoadBalancer: mesh.RoundRobin, Outlier: &mesh.Outlier{ConsecutiveErrors: 1, MaxEjectedPercent: 100},
	}}, failing(503, &n), to(t, "good"))
	c := m.client(t)
	asked := 0
	for ; n.Load() == 0; asked++ {
		do(t, c, request(t, "GET", "/", nil))
		m.records.await(t, asked)
	}
	do(t, c, request(t, "GET", "/", nil))
	rec := m.records.await(t, asked)
	if rec.PassedOver != "reviews-1: outlier (1 consecutive errors)" || rec.Choice != "" {
		t.Errorf("passed over %q, choice %q", rec.PassedOver, rec.Choice)
	}
}
