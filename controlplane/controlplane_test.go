package controlplane

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestSidecarsLearnOfEachOther(t *testing.T) {
	t.Parallel()
	p := newPlant(t, func(c *Config) { c.InstanceTTL = time.Hour })
	token := p.token(p.admin())
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	web.until(t, "first push", "reviews", func(s mesh.Snapshot) bool { return !s.Known })

	reviews := p.sidecar(token, workload("reviews", "v2", "reviews-1"))
	got := web.until(t, "arrival of reviews", "reviews", instances(1)).Instances[0]
	want := mesh.Instance{
		ID: "reviews-1", Service: "reviews", Version: "v2", Address: got.Address,
		Identity: "spiffe://mesh.local/ns/default/sa/reviews",
		Labels:   map[string]string{"version": "v2"}, State: mesh.Ready,
		AppProtocol: mesh.TCP, AppPort: 5432,
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b mesh.Instance) bool { return a.Address == b.Address })); diff != "" {
		t.Errorf("instance: %s", diff)
	}
	reviews.SetState(mesh.Draining)
	web.until(t, "draining of reviews", "reviews", func(s mesh.Snapshot) bool {
		return len(s.Instances) == 1 && s.Instances[0].State == mesh.Draining
	})
	reviews.leave() // its lease would be good for longer than the test waits
	web.until(t, "goodbye of reviews", "reviews", instances(0))
}

func TestCallerIsShownAndGetsNothing(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	token := p.token(c)
	job := p.sidecar(token, workload("job", "v1", "job-1"))
	web := p.sidecar(token, workload("web", "v1", "web-1"), "job")
	web.until(t, "arrival of job", "job", instances(1))
	job.SetState(mesh.Caller)
	web.until(t, "job without instances", "job", instances(0))
	proxies, err := c.Proxies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range proxies {
		if want := map[mesh.InstanceID]mesh.InstanceState{"job-1": mesh.Caller, "web-1": mesh.Ready}[s.Instance.ID]; s.Instance.State != want {
			t.Errorf("%s is %q, want %q", s.Instance.ID, s.Instance.State, want)
		}
	}
}

func TestRefusalIsShownAndOldSetStays(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	token := p.token(c)
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	web.until(t, "first push", "reviews", func(mesh.Snapshot) bool { return true })
	web.refuseWith(errors.New("route \"x\": no such luck"))
	p.sidecar(token, workload("reviews", "v1", "reviews-1"))

	eventually(t, "refusal at the control plane", func() bool {
		proxies, err := c.Proxies(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range proxies {
			if s.Instance.ID == "web-1" {
				return s.Connected && !s.InSync && strings.Contains(s.Refusal, "no such luck") && s.Accepted < s.Pushed
			}
		}
		return false
	})
	eventually(t, "event of the refusal", func() bool {
		events, err := c.Events(t.Context(), admin.EventQuery{Kind: mesh.EventRefused})
		if err != nil {
			t.Fatal(err)
		}
		return len(events) == 1 && events[0].Target.Instance == "web-1"
	})
	web.refuseWith(nil)
	p.sidecar(token, workload("reviews", "v1", "reviews-2"))
	web.until(t, "next push", "reviews", instances(2))
	eventually(t, "sync", func() bool {
		proxies, err := c.Proxies(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range proxies {
			if !s.InSync || s.Refusal != "" {
				return false
			}
		}
		return len(proxies) == 3
	})
}

func TestRestartLosesNoInstance(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	token := p.token(p.admin())
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	p.sidecar(token, workload("reviews", "v1", "reviews-1"))
	web.until(t, "arrival of reviews", "reviews", instances(1))

	for range 2 {
		p.stop()
		start := time.Now()
		p.start(nil)
		t.Logf("ready again after %s", time.Since(start))
		eventually(t, "return of the sidecars", func() bool { return web.Status().Connected })
		t.Logf("sidecar is back after %s", time.Since(start))
		select {
		case set := <-web.sets:
			if len(set[0].Instances) != 1 {
				t.Fatalf("after the restart reviews has instances %v", set[0].Instances)
			}
		case <-time.After(patience):
			t.Fatal("no push after the restart")
		}
	}
	p.sidecar(token, workload("reviews", "v1", "reviews-2"))
	web.until(t, "change after the restart", "reviews", instances(2))
}
