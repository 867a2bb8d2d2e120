package controlplane

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// TestAControlPlaneStartsOverWhatItCannotRead: as after an upgrade, or a step back. All the
// rest is pushed, it says what is wrong, and a person can mend it.
func TestAControlPlaneStartsOverWhatItCannotRead(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	token := p.token(p.admin())
	p.stop()
	kept, err := store.Open(t.Context(), store.Config{Dir: filepath.Join(p.cfg.Dir, "etcd")})
	if err != nil {
		t.Fatal(err)
	}
	const bad = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: reviews}\nspec: {host: reviews, fieldOfTomorrow: 1}\n"
	resources := store.TableOf[mesh.Resource](kept, store.Resources)
	if err := kept.Commit(t.Context(), nil,
		resources.Put("DestinationRule/default/reviews", mesh.Resource{Kind: "DestinationRule", Namespace: "default", Name: "reviews", Manifest: bad}),
		store.TableOf[int](kept, store.Instances).Put("ghost", 7), store.TableOf[int](kept, store.Verdicts).Put("ghost", 7),
	); err != nil {
		t.Fatal(err)
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	p.start(nil)
	c := p.admin()
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	p.sidecar(token, workload("reviews", "v1", "reviews-1"))
	web.until(t, "arrival of reviews", "reviews", instances(1))

	told, err := c.Unreadable(t.Context())
	if err != nil || len(told) != 3 || told[1].Resource != "DestinationRule default/reviews" || !strings.Contains(told[1].Reason, "fieldOfTomorrow") {
		t.Errorf("told is %+v, %v; want the rule, an instance and a verdict", told, err)
	}
	eventually(t, "event of it", func() bool {
		events, err := c.Events(t.Context(), admin.EventQuery{Kind: mesh.EventConfig})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if strings.HasPrefix(e.Summary, "stored DestinationRule default/reviews cannot be read: spec.fieldOfTomorrow") && e.By == author {
				return true
			}
		}
		return false
	})
	if found, err := c.Analyze(t.Context()); err != nil || len(found) == 0 || found[0].Code != string(config.CodeStored) {
		t.Errorf("analyze: %+v, %v", found, err)
	}
	apply(t, c, "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web}\nspec: {host: web}\n")
	if err := c.Delete(t.Context(), "DestinationRule", "default", "reviews", "ada"); err != nil {
		t.Errorf("delete: %v", err)
	}
	eventually(t, "less to tell", func() bool {
		told, err := c.Unreadable(t.Context())
		return err == nil && len(told) == 2
	})
}

// TestPoliciesThatReachFurtherNowAreTold: once, at the first start over a store of before.
func TestPoliciesThatReachFurtherNowAreTold(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	apply(t, p.admin(), "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: all, namespace: istio-system}\nspec: {mtls: {mode: PERMISSIVE}}\n")
	told := func() (n int) {
		events, err := p.admin().Events(t.Context(), admin.EventQuery{Kind: mesh.EventConfig})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if strings.HasPrefix(e.Summary, "PeerAuthentication istio-system/all is for all workloads of the mesh since this version") {
				n++
			}
		}
		return n
	}
	restart := func(change func(s *store.Store)) {
		p.stop()
		kept, err := store.Open(t.Context(), store.Config{Dir: filepath.Join(p.cfg.Dir, "etcd")})
		if err != nil {
			t.Fatal(err)
		}
		change(kept)
		if err := kept.Close(); err != nil {
			t.Fatal(err)
		}
		p.start(nil)
	}
	marks := func(s *store.Store) store.Table[struct{}] { return store.TableOf[struct{}](s, store.Marks) }
	restart(func(s *store.Store) { // as one of before leaves it
		if _, err := marks(s).Get(t.Context(), istioRoot); err != nil {
			t.Errorf("a new mesh is not noted as such: %v", err)
		}
		if err := s.Commit(t.Context(), nil, marks(s).Delete(istioRoot)); err != nil {
			t.Fatal(err)
		}
	})
	eventually(t, "the event", func() bool { return told() == 1 })
	restart(func(s *store.Store) {
		if _, err := marks(s).Get(t.Context(), istioRoot); err != nil {
			t.Errorf("it is not noted that it was told: %v", err)
		}
	})
	if n := told(); n != 1 {
		t.Errorf("told %d times", n)
	}
}
