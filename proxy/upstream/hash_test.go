package upstream

import (
	"net/netip"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/route"
)

func asking(path string, headers map[string]string) *route.Request {
	return &route.Request{Method: "GET", Path: path, Header: func(name string) (string, bool) {
		v, ok := headers[name]
		return v, ok
	}}
}

func hashed(n int, lb mesh.LoadBalancer, h mesh.Hash) mesh.Snapshot {
	s := plain(n)
	s.Policy.LoadBalancer, s.Policy.Hash = lb, &h
	return s
}

// sticky sends n requests and returns where they went.
func (w *world) sticky(n int, ask *route.Request) map[mesh.InstanceID]int {
	w.Helper()
	w.ask = ask
	return w.countInstances(n)
}

func TestHashKeys(t *testing.T) {
	source := asking("/", nil)
	source.Source = netip.MustParseAddr("10.1.2.3")
	for _, tt := range []struct {
		name   string
		hash   mesh.Hash
		ask    *route.Request
		sticks bool
	}{
		{"header", mesh.Hash{Header: "x-user"}, asking("/", map[string]string{"x-user": "ann"}), true},
		{"no header", mesh.Hash{Header: "x-user"}, asking("/", nil), false},
		{"parameter", mesh.Hash{Query: "user"}, asking("/a?b=c&user=ann", nil), true},
		{"escaped parameter", mesh.Hash{Query: "us er"}, asking("/a?us+er=ann", nil), true},
		{"no parameter", mesh.Hash{Query: "user"}, asking("/a?users=ann&xuser=1", nil), false},
		{"cookie", mesh.Hash{Cookie: &mesh.HashCookie{Name: "user"}}, asking("/", map[string]string{"cookie": "a=b; user=ann; c"}), true},
		{"no cookie", mesh.Hash{Cookie: &mesh.HashCookie{Name: "user"}}, asking("/", map[string]string{"cookie": "xuser=ann"}), false},
		{"source", mesh.Hash{SourceIP: true}, source, true},
		{"no source", mesh.Hash{SourceIP: true}, asking("/", nil), false},
	} {
		for _, lb := range []mesh.LoadBalancer{mesh.RingHash, mesh.Maglev} {
			w := newWorld(t, hashed(8, lb, tt.hash))
			got := w.sticky(100, tt.ask)
			if sticks := len(got) == 1; sticks != tt.sticks || got["refused"] > 0 {
				t.Errorf("%s, %s: went to %v", tt.name, lb, got)
			}
		}
	}
}

// TestSendersAgree: two sidecars that learned of the instances in another order send
// the same user to the same instance.
func TestSendersAgree(t *testing.T) {
	for _, lb := range []mesh.LoadBalancer{mesh.RingHash, mesh.Maglev} {
		s := hashed(8, lb, mesh.Hash{Header: "x-user"})
		a := newWorld(t, s)
		for l, r := 0, len(s.Instances)-1; l < r; l, r = l+1, r-1 {
			s.Instances[l], s.Instances[r] = s.Instances[r], s.Instances[l]
		}
		b := newWorld(t, s)
		for n := range 200 {
			ask := asking("/", map[string]string{"x-user": strconv.Itoa(n)})
			for id := range a.sticky(1, ask) {
				if b.sticky(1, ask)[id] != 1 {
					t.Fatalf("%s: user %d goes elsewhere from another sidecar", lb, n)
				}
			}
		}
	}
}

func TestUnwellInstanceMovesItsOwnKeysOnly(t *testing.T) {
	for _, lb := range []mesh.LoadBalancer{mesh.RingHash, mesh.Maglev} {
		s := hashed(8, lb, mesh.Hash{Header: "x-user"})
		s.Policy.Outlier = &mesh.Outlier{ConsecutiveErrors: 1, MaxEjectedPercent: 100}
		w := newWorld(t, s)
		home := map[int]mesh.InstanceID{}
		where := func(n int) mesh.InstanceID {
			for id := range w.sticky(1, asking("/", map[string]string{"x-user": strconv.Itoa(n)})) {
				return id
			}
			return ""
		}
		for n := range 400 {
			home[n] = where(n)
		}
		w.ask = nil
		w.sendTo("plain-v1-3", 1, failed(500))
		for n := range 400 {
			now := where(n)
			if home[n] == "plain-v1-3" && now == home[n] || home[n] != "plain-v1-3" && now != home[n] {
				t.Fatalf("%s: user %d went from %s to %s", lb, n, home[n], now)
			}
		}
	}
}

func TestRetryOfAHashedRequestGoesToTheNext(t *testing.T) {
	w := newWorld(t, hashed(4, mesh.RingHash, mesh.Hash{Header: "x-user"}))
	w.ask = asking("/", map[string]string{"x-user": "ann"})
	first := w.pick()
	second := w.pick(first.Instance)
	third := w.pick(first.Instance, second.Instance)
	if first.Instance == second.Instance || second.Instance == third.Instance || first.Instance == third.Instance {
		t.Error("a retry went where the request had been")
	}
	if again := w.pick(first.Instance); again.Instance != second.Instance {
		t.Error("another retry of the same user went elsewhere")
	}
}

func TestCookieIsSet(t *testing.T) {
	set := mesh.HashCookie{
		Name: "user", Set: true, TTL: 90 * time.Second, Path: "/shop",
		Attributes: []mesh.CookieAttribute{{Name: "SameSite", Value: "Lax"}, {Name: "Secure"}},
	}
	w := newWorld(t, hashed(8, mesh.Maglev, mesh.Hash{Cookie: &set}))
	w.ask = asking("/", nil)
	form := regexp.MustCompile(`^user=([0-9a-f]+); Max-Age=90; Path=/shop; SameSite=Lax; Secure; HttpOnly$`)
	for range 50 {
		first := w.pick()
		m := form.FindStringSubmatch(first.Cookie)
		if m == nil {
			t.Fatalf("cookie %q", first.Cookie)
		}
		w.ask = asking("/", map[string]string{"cookie": "user=" + m[1]})
		next := w.pick()
		if next.Instance != first.Instance || next.Cookie != "" {
			t.Fatal("the client did not come back to its instance, or got a cookie twice")
		}
		w.ask = asking("/", nil)
	}
	session := mesh.HashCookie{Name: "user", Set: true}
	w = newWorld(t, hashed(2, mesh.RingHash, mesh.Hash{Cookie: &session}))
	w.ask = asking("/", nil)
	if c := w.pick().Cookie; !regexp.MustCompile(`^user=[0-9a-f]+; HttpOnly$`).MatchString(c) {
		t.Errorf("session cookie %q", c)
	}
}
