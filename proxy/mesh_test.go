package proxy

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRequestsFollowTheWeights(t *testing.T) {
	m := newMesh(t)
	_, snap := m.reviews("v1", "v2", "v3")
	for i, w := range []uint32{80, 15, 5} {
		snap.Routes[0].Destinations[i].Weight = w
	}
	m.apply(snap)
	const n = 5000
	got := m.spread(n)
	for body, want := range map[string]float64{"200 v1": 80, "200 v2": 15, "200 v3": 5} {
		if share := 100 * float64(got[body]) / n; math.Abs(share-want) > 2 {
			t.Errorf("%s got %.1f %%, want %.0f %%; all: %v", body, share, want, got)
		}
	}
}

func TestHeaderMatchIsExact(t *testing.T) {
	m := newMesh(t)
	_, snap := m.reviews("v1", "v2")
	snap.Routes = []mesh.Route{
		{
			Name:         "jason",
			Matches:      []mesh.Match{{Headers: map[string]*mesh.StringMatch{"end-user": {Exact: "jason"}}}},
			Destinations: []mesh.Destination{{Service: "reviews", Subset: "v2", Weight: 1}},
		},
		{Name: "others", Destinations: []mesh.Destination{{Service: "reviews", Subset: "v1", Weight: 1}}},
	}
	m.apply(snap)
	for _, tt := range []struct{ user, want string }{{"jason", "200 v2"}, {"jasons", "200 v1"}, {"", "200 v1"}} {
		if got := m.spread(100, "End-User", tt.user); got[tt.want] != 100 {
			t.Errorf("user %q: %v, want all %q", tt.user, got, tt.want)
		}
	}
}

func TestPortOfOneService(t *testing.T) {
	m := newMesh(t)
	_, snap := m.reviews("v1")
	m.apply(snap)
	l := m.web.l.upstreams[serve.Port{Service: "reviews"}]
	m.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if status, body, _ := m.get("http://" + l.Addr().String() + "/"); status != http.StatusOK || body != "v1" {
		t.Errorf("status %d, body %q", status, body)
	}
}

func TestBreakerTripsOnAnErroringInstance(t *testing.T) {
	m := newMesh(t)
	all, snap := m.reviews("v1", "v2")
	m.apply(snap)
	all[1].app.failing.Store(true)
	began := time.Now()
	got := m.spread(100)
	// A busy machine takes longer than the first back-off, of a second: then it is probed.
	if bad := got["500 v2"]; bad == 0 || bad > 7+int(time.Since(began).Seconds()) || got["200 v1"] != 100-bad {
		t.Errorf("got %v, want a few errors until v2 is tripped", got)
	}
	_, page := m.getAdmin(m.web, "/breakers")
	if !regexp.MustCompile(`"breaker": "(tripped|probing)"`).MatchString(page) || !strings.Contains(page, `"why"`) {
		t.Errorf("the admin page does not show the breaker:\n%s", page)
	}
	if _, page := m.getAdmin(m.web, "/metrics"); !regexp.MustCompile(`\nsightline_breaker_trips_total [1-9]`).MatchString(page) {
		t.Errorf("the trip is not counted:\n%s", page)
	}
	all[1].app.failing.Store(false)
	m.eventually("v2 has traffic again", func() bool { return m.spread(1)["200 v2"] == 1 })
}

func TestVerdictShiftsTraffic(t *testing.T) {
	m := newMesh(t)
	_, snap := m.reviews("v1", "v2")
	snap.Verdicts = []mesh.Verdict{{Target: mesh.Target{Service: "reviews", Version: "v2"}, Phase: mesh.Tripped, Reason: "it failed"}}
	m.apply(snap)
	if got := m.spread(200); got["200 v1"] != 200 {
		t.Errorf("got %v, want all v1", got)
	}
	snap.Verdicts = append(snap.Verdicts, mesh.Verdict{Target: mesh.Target{Service: "reviews"}, Phase: mesh.Tripped, Reason: "all of it failed"})
	m.apply(snap)
	status, _, h := m.get("http://reviews/")
	if status != http.StatusServiceUnavailable || !strings.Contains(h.Get("X-Sightline-Reason"), "all of it failed") && !strings.Contains(h.Get("X-Sightline-Reason"), "it failed") {
		t.Errorf("status %d, reason %q", status, h.Get("X-Sightline-Reason"))
	}
	snap.Verdicts = nil
	m.apply(snap)
	if got := m.spread(200); got["200 v2"] < 90 || got["200 v2"] > 110 {
		t.Errorf("after the release: %v", got)
	}
}

func TestRefusedSnapshotsChangeNothing(t *testing.T) {
	m := newMesh(t)
	_, snap := m.reviews("v1", "v2")
	m.apply(snap)
	bad := snap
	bad.Version = 2
	bad.Routes = []mesh.Route{{Destinations: []mesh.Destination{{Service: "reviews", Subset: "v9", Weight: 1}}}}
	err := m.web.parts.tables.apply([]mesh.Snapshot{bad})
	if err == nil || !strings.Contains(err.Error(), `no subset "v9"`) {
		t.Fatalf("err = %v, want it to name the subset", err)
	}
	if got := m.spread(100); got["200 v1"]+got["200 v2"] != 100 {
		t.Errorf("got %v", got)
	}
	if _, page := m.getAdmin(m.web, "/config"); strings.Contains(page, "v9") {
		t.Error("the refused snapshot is shown as the one in force")
	}
}

func TestPushesUnderLoadFailNoRequest(t *testing.T) {
	m := newMesh(t)
	_, two := m.reviews("v1", "v2")
	one := two
	one.Subsets, one.Instances = two.Subsets[:1], two.Instances[:1]
	one.Routes = []mesh.Route{{Destinations: two.Routes[0].Destinations[:1]}}
	m.apply(two)
	over := make(chan struct{})
	pushed := make(chan struct{})
	go func() {
		defer close(pushed)
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
			}
			snap := two
			if i%2 == 0 {
				snap = one
			}
			if err := m.web.parts.tables.apply([]mesh.Snapshot{snap}); err != nil {
				t.Error(err)
			}
		}
	}()
	got := m.spread(1000)
	close(over)
	<-pushed
	if got["200 v1"]+got["200 v2"] != 1000 {
		t.Errorf("got %v, want no request to fail", got)
	}
}

func TestUnknownServiceIsNoRoute(t *testing.T) {
	m := newMesh(t)
	m.apply(mesh.Snapshot{Service: "nobody"})
	status, _, h := m.get("http://nobody/")
	if status != http.StatusNotFound || h.Get("X-Sightline-Flags") != "NR" {
		t.Errorf("status %d, headers %v", status, h)
	}
}

func TestDrainFinishesWhatIsInFlight(t *testing.T) {
	m := newMesh(t)
	all, snap := m.reviews("v1")
	m.apply(snap)
	answered := make(chan string, 1)
	go func() {
		res, err := m.client.Get("http://reviews/hold")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		answered <- fmt.Sprint(res.StatusCode, " ", string(b), " ", err)
	}()
	<-all[0].app.held
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		all[0].stop()
	}()
	m.eventually("the sidecar is not ready", func() bool {
		status, _ := m.getAdmin(all[0], "/readyz")
		return status == http.StatusServiceUnavailable
	})
	close(all[0].app.hold)
	if got := <-answered; got != "200 v1 <nil>" {
		t.Errorf("the request in flight got %q", got)
	}
	<-stopped
}

func TestPlaintextIsRefusedInbound(t *testing.T) {
	m := newMesh(t)
	all, _ := m.reviews("v1")
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", all[0].l.inbound.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n")
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	b, _ := io.ReadAll(c)
	if strings.HasPrefix(string(b), "HTTP/") || all[0].app.served.Load() > 0 {
		t.Errorf("plaintext was served: %q", b)
	}
	m.eventually("it is counted", func() bool {
		_, page := m.getAdmin(all[0], "/metrics")
		return strings.Contains(page, `sightline_connections_refused_total{reason="plaintext"} 1`+"\n")
	})
}

func TestTelemetryIsSentAndCounted(t *testing.T) {
	m := newMesh(t)
	_, snap := m.reviews("v1")
	m.apply(snap)
	m.spread(10)
	m.eventually("ten spans are acknowledged", func() bool {
		_, page := m.getAdmin(m.web, "/metrics")
		return strings.Contains(page, `sightline_telemetry_acknowledged_total{signal="traces"} 10`+"\n")
	})
	_, page := m.getAdmin(m.web, "/metrics")
	for _, want := range []string{
		`sightline_requests_total{direction="outbound",status="2xx"} 10`, "sightline_retries_total 0", "sightline_certificate_seconds_left 3",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	if m.exports.Load() == 0 {
		t.Error("the collector got nothing")
	}
}

// getAdmin reads a sidecar's admin page.
func (m *testMesh) getAdmin(s *sidecar, path string) (status int, page string) {
	m.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	was := m.client
	m.client = &http.Client{Transport: transport}
	defer func() { m.client = was }()
	status, page, _ = m.get("http://" + s.Admin().String() + path)
	return status, page
}

// eventually waits for something that takes other goroutines' doing.
func (m *testMesh) eventually(what string, ok func() bool) {
	m.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			m.Fatalf("after a minute still not: %s", what)
		}
	}
}
