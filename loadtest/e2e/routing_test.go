package e2e

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	core "github.com/sightline-mesh/sightline/controlplane/mesh"
)

const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: reviews
spec:
  host: reviews
  trafficPolicy:
    loadBalancer: {simple: RANDOM}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
  - {name: v3, labels: {version: v3}}
`

// split is a VirtualService that shares reviews between v1 and another version.
func split(first int, other string, rest int) string {
	return fmt.Sprintf(`
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v1}
      weight: %d
    - destination: {host: reviews, subset: %s}
      weight: %d
`, first, other, rest)
}

const jasonGetsV2 = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - match:
    - headers: {end-user: {exact: jason}}
    route:
    - destination: {host: reviews, subset: v2}
  - route:
    - destination: {host: reviews, subset: v1}
`

// apply writes a manifest to a file and applies it by the command, as people do.
func (m *mesh) apply(t *testing.T, manifest string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	return m.command(t, "apply", "-f", file)
}

// mustApply applies a manifest and waits until every sidecar has it.
func (m *mesh) mustApply(t *testing.T, manifest string) {
	t.Helper()
	if out, err := m.apply(t, manifest); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
	m.inSync(t)
}

// inSync waits until every sidecar has accepted what was pushed last, and nothing
// newer has come for a moment longer than changes are gathered.
func (m *mesh) inSync(t *testing.T) {
	t.Helper()
	var since time.Time
	var last uint64
	m.await(t, 2*time.Minute, "all sidecars to be in sync", func() bool {
		var s struct{ Proxies []core.ProxyStatus }
		m.get(t, "/api/v1/proxies", &s)
		var newest uint64
		for _, p := range s.Proxies {
			if p.Instance.Origin != "" {
				continue // nobody's sidecar
			}
			if !p.Connected || !p.InSync {
				return false
			}
			newest = max(newest, p.Accepted)
		}
		if newest != last {
			last, since = newest, time.Now()
		}
		return time.Since(since) > 1500*time.Millisecond
	})
}

// versions counts which version of reviews answered n requests that come in at a
// sidecar that is not the load's.
func (m *mesh) versions(t *testing.T, n int, header ...string) map[string]int {
	t.Helper()
	before := m.served(t)
	client := through(m.at["cart:v1"].Outbound)
	work := make(chan struct{})
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range work {
				if code, body := ask(t, client, "http://reviews/reviews/1", header...); code != http.StatusOK {
					t.Errorf("reviews answered %d %s", code, body)
				}
			}
		})
	}
	for range n {
		work <- struct{}{}
	}
	close(work)
	callers.Wait()
	after := m.served(t)
	out := map[string]int{}
	for v, c := range after {
		out[v] = c - before[v]
	}
	return out
}

// served asks each version's own process how many reviews it has answered: the
// mesh's figures are what is under test.
func (m *mesh) served(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, v := range []string{"v1", "v2", "v3"} {
		_, body := ask(t, http.DefaultClient, "http://"+m.at["reviews:"+v].App+"/_served")
		var n int
		if _, err := fmt.Sscan(body, &n); err != nil {
			t.Fatalf("reviews %s: %v: %q", v, err, body)
		}
		out[v] = n
	}
	return out
}

// TestManifestsTakeEffect applies what every introduction to service meshes shows and
// counts where requests go.
func TestManifestsTakeEffect(t *testing.T) {
	m := startDemo(t, "--rps", "0.2")
	m.mustApply(t, subsets)
	const n = 5000
	for _, c := range []struct {
		manifest string
		want     map[string]float64
		header   []string
	}{
		{split(80, "v2", 20), map[string]float64{"v1": 80, "v2": 20}, nil},
		{split(90, "v2", 10), map[string]float64{"v1": 90, "v2": 10}, nil},
		{split(50, "v3", 50), map[string]float64{"v1": 50, "v3": 50}, nil},
		{jasonGetsV2, map[string]float64{"v2": 100}, []string{"end-user", "jason"}},
		{jasonGetsV2, map[string]float64{"v1": 100}, []string{"end-user", "jasona"}},
		{jasonGetsV2, map[string]float64{"v1": 100}, nil},
	} {
		m.mustApply(t, c.manifest)
		got := m.versions(t, n, c.header...)
		for _, v := range []string{"v1", "v2", "v3"} {
			share := 100 * float64(got[v]) / n
			slack := 2.0
			if c.want[v] == 0 || c.want[v] == 100 {
				slack = 0.2 // the demo's own load, one request in five seconds, comes in between
			}
			if math.Abs(share-c.want[v]) > slack {
				t.Errorf("%v: %s got %.1f %%, want %.0f\n%s", got, v, share, c.want[v], c.manifest)
			}
		}
	}
}

// TestWrongManifestsAreRefused checks that each refusal names what is wrong, and that
// the manifest before it serves on.
func TestWrongManifestsAreRefused(t *testing.T) {
	m := startDemo(t, "--rps", "0.2")
	m.mustApply(t, subsets+"---"+split(100, "v2", 0))
	for _, c := range []struct{ manifest, names string }{
		{strings.Replace(split(50, "v2", 50), "weight: 50", "wieght: 50", 1), "wieght"},
		{split(0, "v2", 0), "0"},
		{split(50, "v7", 50), "v7"},
		{strings.Replace(jasonGetsV2, "exact: jason", `regex: "["`, 1), "["},
		{"kind: VirtualService\nspec: {hosts: [x]}", "apiVersion"},
		{"nonsense", "nonsense"},
	} {
		out, err := m.apply(t, c.manifest)
		if err == nil || !strings.Contains(out, c.names) {
			t.Errorf("applied %s\ngot %v: %s\nwant a refusal that names %q", c.manifest, err, out, c.names)
		}
	}
	m.inSync(t)
	if got := m.versions(t, 200); got["v1"] < 200 || got["v2"]+got["v3"] > 1 {
		t.Errorf("after the refusals %v, want all on v1 as before", got)
	}
	out, err := m.command(t, "get", "vs", "reviews")
	if err != nil || !strings.Contains(out, "weight: 100") {
		t.Errorf("get = %v\n%s\nwant the manifest that was accepted", err, out)
	}
}

// TestTrafficCommandShiftsAndUndoes does with one command what the page does with a button.
func TestTrafficCommandShiftsAndUndoes(t *testing.T) {
	m := startDemo(t, "--rps", "0.2")
	command := func(args ...string) {
		t.Helper()
		if out, err := m.command(t, append([]string{"traffic", "reviews"}, args...)...); err != nil {
			t.Fatalf("traffic %v: %v\n%s", args, err, out)
		}
		m.inSync(t)
	}
	command("v1=0", "v2=0", "v3=100")
	if got := m.versions(t, 300); got["v3"] < 300 {
		t.Errorf("all to v3, got %v", got)
	}
	command("v1=100", "v2=0", "v3=0")
	command("--undo")
	if got := m.versions(t, 300); got["v3"] < 300 {
		t.Errorf("after the undo %v, want v3 again", got)
	}
	if out, err := m.command(t, "traffic", "reviews", "v9=100"); err == nil || !strings.Contains(out, "v9") {
		t.Errorf("weight for a version that is not there: %v\n%s", err, out)
	}
}
