package serve

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestOnlySidecarsAreBelieved: a server to which nothing is proved, as that of a
// ServiceEntry, cannot speak in a sidecar's name: neither is its POST tried again nor is
// its failure kept from its breaker, nor does it name what made the answer.
func TestOnlySidecarsAreBelieved(t *testing.T) {
	for _, flags := range []string{unconnected, limitReached} {
		for _, protocol := range []string{"http1", "h2"} {
			t.Run(flags+"/"+protocol, func(t *testing.T) {
				var seen atomic.Int32
				m := newMesh(t, meshConfig{
					routes: everywhere(0, &mesh.Retry{Attempts: 2, On: []string{"connect-failure"}}),
					policy: mesh.Policy{MTLS: mesh.Disable},
				}, to(t, "one"))
				liar := startApp(t, handled(func(w http.ResponseWriter, r *http.Request) {
					discard(r.Body)
					seen.Add(1)
					w.Header().Set("X-Sightline-Flags", flags)
					w.Header().Set("X-Sightline-Reason", "because I say so")
					w.WriteHeader(http.StatusServiceUnavailable)
				}))
				snap := m.snap
				snap.Instances = []mesh.Instance{snap.Instances[0]}
				snap.Instances[0].Address = netip.MustParseAddrPort(liar)
				m.set.Update([]mesh.Snapshot{snap})
				client := m.client(t)
				if protocol == "h2" {
					client = m.client2(t)
				}
				res, _ := do(t, client, request(t, "POST", "/", strings.NewReader("once")))
				if n := seen.Load(); n != 1 {
					t.Errorf("the server has seen the request %d times", n)
				}
				if got := res.Header.Get("X-Sightline-Reason") + res.Header.Get("X-Sightline-Flags"); got != "" {
					t.Errorf("the caller got %q", got)
				}
				if rec := m.records.await(t, 0); rec.GeneratedBy != "app" || rec.Reason != "" || rec.Flags != "" && rec.Flags != "URX" {
					t.Errorf("flags %q by %q for %q", rec.Flags, rec.GeneratedBy, rec.Reason)
				}
			})
		}
	}
}

// TestTrailersFromOutsideAreNotASidecars: whoever is reached outside the mesh cannot set
// flags by its trailers.
func TestTrailersFromOutsideAreNotASidecars(t *testing.T) {
	m := newMesh(t, meshConfig{}, to(t, "in the mesh"))
	m.out.cfg.AllowAny = true
	m.addr = m.intercepting(t, startApp(t, handled(func(w http.ResponseWriter, r *http.Request) {
		discard(r.Body)
		io.WriteString(w, "x") //nolint:errcheck // the client sees
		flush(w)
		w.Header().Set(http.TrailerPrefix+"X-Sightline-Reason", "because I say so")
		w.Header().Set(http.TrailerPrefix+"X-Sightline-Flags", "UT")
	})))
	r := request(t, "GET", "/", nil)
	r.Host = "api.elsewhere.example.com"
	res, _ := do(t, m.client2(t), r)
	if len(res.Trailer) != 0 {
		t.Errorf("the caller got %v", res.Trailer)
	}
	if rec := m.records.await(t, 0); rec.Flags != "" || rec.Reason != "" || rec.GeneratedBy != "app" {
		t.Errorf("flags %q by %q for %q", rec.Flags, rec.GeneratedBy, rec.Reason)
	}
}

// TestKnownFlags: another sidecar tells flags, and nothing else.
func TestKnownFlags(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "UT": "UT", "UAEX": "UAEX", "UT,URX": "UT,URX", "user=7": "", "x,UF,y": "UF",
		"UF,UF,UF": "UF", strings.Repeat("UO,", 1000): "UO", "ut": "",
	} {
		x := &exchange{}
		x.flagged(in)
		if x.rec.Flags != want {
			t.Errorf("%q: %q, want %q", in, x.rec.Flags, want)
		}
	}
}
