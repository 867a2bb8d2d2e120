package controlplane

import (
	"context"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/push"
)

// etcd is one that control planes share, by its endpoint.
func etcd(t *testing.T) string {
	t.Helper()
	at := url.URL{Scheme: "http", Host: freeAddress(t)}
	e := embed.NewConfig()
	e.Dir, e.LogLevel = t.TempDir(), "error"
	e.ListenClientUrls, e.AdvertiseClientUrls = []url.URL{at}, []url.URL{at}
	e.ListenPeerUrls = nil
	e.InitialCluster = e.Name + "=" + e.AdvertisePeerUrls[0].String()
	s, err := embed.StartEtcd(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	<-s.Server.ReadyNotify()
	return at.String()
}

// fleet is three control planes on one etcd.
func fleet(t *testing.T) []*plant {
	t.Helper()
	return fleetOn(t, []string{etcd(t)})
}

func fleetOn(t *testing.T, endpoints []string) []*plant {
	t.Helper()
	var out []*plant
	for _, name := range []string{"cp-a", "cp-b", "cp-c"} {
		out = append(out, newPlant(t, func(c *Config) { c.EtcdEndpoints, c.Name, c.CAPassphrase = endpoints, name, "of all of them" }))
	}
	return out
}

func addresses(fleet []*plant) string {
	var out []string
	for _, p := range fleet {
		out = append(out, p.address)
	}
	return strings.Join(out, ",")
}

// leader waits until one leads, and says which and which not.
func leader(t *testing.T, fleet []*plant, c *admin.Client) (leads *plant, others []*plant) {
	t.Helper()
	eventually(t, "election", func() bool {
		all, err := c.Replicas(t.Context())
		if err != nil {
			return false
		}
		leads, others = nil, nil
		for _, p := range fleet {
			var is bool
			for _, r := range all {
				is = is || r.ID == p.cfg.Name && r.Leads
			}
			if is {
				leads = p
				continue
			}
			others = append(others, p)
		}
		return leads != nil
	})
	return leads, others
}

func TestAnyControlPlaneAnswersForAll(t *testing.T) {
	t.Parallel()
	all := fleet(t)
	c := []*admin.Client{all[0].admin(), all[1].admin(), all[2].admin()}
	token := all[0].token(c[0])
	web := all[0].sidecar(token, workload("web", "v1", "web-1"), "reviews")
	all[1].sidecar(token, workload("reviews", "v1", "reviews-v1-1"), "web")
	all[2].sidecar(token, workload("reviews", "v2", "reviews-v2-1"), "web")
	web.until(t, "arrival of reviews", "reviews", instances(2))
	for i := range all {
		eventually(t, "all sidecars in sync at every control plane", func() bool {
			proxies, err := c[i].Proxies(t.Context())
			if err != nil || len(proxies) != 3 {
				return false
			}
			at := map[string]bool{}
			for _, s := range proxies {
				if !s.InSync || s.Unknown != "" {
					return false
				}
				at[s.ControlPlane] = true
			}
			return len(at) == 3
		})
	}

	apply(t, c[1], destinationRule+"---\n"+virtualService)
	web.until(t, "routes", "reviews", splits(map[string]uint32{"v1": 80, "v2": 20}))
	target := mesh.Target{Service: "reviews", Version: "v2"}
	if err := c[2].Trip(t.Context(), target, "smells", "ada"); err != nil {
		t.Fatal(err)
	}
	web.until(t, "verdict", "reviews", func(s mesh.Snapshot) bool { return len(s.Verdicts) == 1 })
	verdicts, err := c[0].Verdicts(t.Context())
	if err != nil || len(verdicts) != 1 || verdicts[0].Target != target {
		t.Fatalf("verdicts elsewhere: %+v, %v", verdicts, err)
	}
	if err := c[1].Release(t.Context(), verdicts[0].ID, "ada"); err != nil {
		t.Fatal(err)
	}
	web.until(t, "release", "reviews", func(s mesh.Snapshot) bool { return len(s.Verdicts) == 0 })
}

func TestObservationsReachTheLeader(t *testing.T) {
	t.Parallel()
	all := fleet(t)
	c := all[0].admin()
	token := all[0].token(c)
	web := all[0].sidecar(token, workload("web", "v1", "web-1"), "reviews")
	all[0].sidecar(token, workload("reviews", "v1", "reviews-v1-1"))
	all[1].sidecar(token, workload("reviews", "v2", "reviews-v2-1"))
	web.until(t, "arrival of reviews", "reviews", instances(2))
	_, others := leader(t, all, c)
	from := others[0].admin()
	broken := func() []mesh.Observation {
		end := time.Now()
		return []mesh.Observation{
			{Target: mesh.Target{Service: "reviews", Version: "v1"}, Start: end.Add(-time.Second), End: end, Requests: 100},
			{
				Target: mesh.Target{Service: "reviews", Version: "v2"}, Start: end.Add(-time.Second), End: end, Requests: 100, Failed: 60,
				Anomaly: &mesh.Anomaly{Kind: "error-share", Detail: "60 of 100 failed", Bound: 0.4},
			},
		}
	}
	eventually(t, "a verdict", func() bool {
		if err := from.Report(t.Context(), broken()); err != nil {
			t.Fatal(err)
		}
		verdicts, err := from.Verdicts(t.Context())
		return err == nil && len(verdicts) == 1
	})
	web.until(t, "verdict", "reviews", func(s mesh.Snapshot) bool { return len(s.Verdicts) == 1 })
}

func TestATapHearsOfAllSidecars(t *testing.T) {
	t.Parallel()
	all := fleet(t)
	c := all[0].admin()
	src := all[1].join(all[0].token(c), workload("reviews", "v1", "reviews-1"), "")
	asked := make(chan []mesh.Tap, 100)
	there := push.New(push.Config{
		ControlPlane: all[1].address, TLS: src.ClientTLS(src.ControlPlane(), "h2"), Build: "test", Logger: logger(t),
		Instance: mesh.Instance{Address: netip.MustParseAddrPort("127.0.0.1:15006"), State: mesh.Ready},
		Taps:     func(taps []mesh.Tap) { asked <- taps },
	}, func([]mesh.Snapshot) error { return nil })
	background(t, there.Run)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	lines := make(chan mesh.TapLine, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Tap(ctx, mesh.Tap{Target: mesh.Target{Service: "reviews"}}, "ada", func(l mesh.TapLine) error { lines <- l; return nil })
	}()
	var taps []mesh.Tap
	for len(taps) == 0 {
		select {
		case taps = <-asked:
		case <-ctx.Done():
			t.Fatal("the sidecar of another control plane was not asked")
		}
	}
	row := mesh.Tapped{Taps: []string{taps[0].ID}, Direction: mesh.InboundTap, Method: "GET", Path: "/ratings"}
	if err := there.Tapped(ctx, mesh.TapBatch{Requests: []mesh.Tapped{row}}); err != nil {
		t.Fatal(err)
	}
	heard, counted := false, false
	for !heard || !counted {
		select {
		case l := <-lines:
			heard = heard || l.Request != nil && l.Request.Instance == "reviews-1" && l.Request.Path == "/ratings"
			counted = counted || l.Status != nil && l.Status.Sidecars == 1
		case <-ctx.Done():
			t.Fatalf("heard of the request: %v, of its sidecar: %v", heard, counted)
		}
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("the tap ended without a word")
	}
	for len(taps) > 0 { // the tap ends everywhere
		select {
		case taps = <-asked:
		case <-time.After(patience):
			t.Fatal("the sidecar of another control plane is still asked")
		}
	}
}

// A control plane goes: its sidecar is at another one soon and never told less than it
// knew, what the others are asked is answered, and another leads.
func TestAControlPlaneGoes(t *testing.T) {
	t.Parallel()
	all := fleet(t)
	c := all[0].admin()
	token := all[0].token(c)
	everywhere := plant{t: t, address: addresses(all)}
	web := everywhere.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	everywhere.sidecar(token, workload("reviews", "v1", "reviews-1"))
	web.until(t, "arrival of reviews", "reviews", instances(1))
	anywhere := everywhere.clientOf(all[0])
	for range len(all) - 1 {
		leads, others := leader(t, all, anywhere)
		leads.stop()
		all = others
		everywhere.sidecar(token, workload("reviews", "v1", "reviews-after-"+leads.cfg.Name))
		want := 4 - len(all)
		for done := false; !done; {
			select {
			case set := <-web.sets:
				n := len(set[0].Instances)
				if n < want-1 {
					t.Fatalf("after %s went reviews has %d instances, want %d or more", leads.cfg.Name, n, want-1)
				}
				done = n == want
			case <-time.After(patience):
				t.Fatalf("the new instance was not told of after %s went", leads.cfg.Name)
			}
		}
	}
	apply(t, anywhere, destinationRule)
	leader(t, all, anywhere)
}

// clientOf is an admin client of all addresses with the system token of one of them.
func (p *plant) clientOf(one *plant) *admin.Client {
	whole := plant{t: p.t, cfg: one.cfg, address: p.address}
	return whole.admin()
}
