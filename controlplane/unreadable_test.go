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

// TestOneUnreadableValueFailsNoList: what several control planes and people share is listed
// without it, and it is told and can be removed.
func TestOneUnreadableValueFailsNoList(t *testing.T) {
	t.Parallel()
	at := etcd(t)
	p := newPlant(t, func(c *Config) { c.EtcdEndpoints, c.CAPassphrase = []string{at}, "open sesame" })
	c := p.admin()
	web := p.sidecar(p.token(c), workload("web", "v1", "web-1"), "reviews")
	web.until(t, "first push", "reviews", func(mesh.Snapshot) bool { return true })
	apply(t, c, destinationRule+"---\n"+virtualService)
	p.stop()
	kept, err := store.Open(t.Context(), store.Config{Endpoints: []string{at}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = kept.Close() }()
	const tables = 6
	bad := func(table, key string) store.Op { return store.TableOf[string](kept, table).Put(key, "of tomorrow") }
	if err := kept.Commit(t.Context(), nil,
		bad(store.Streams, "ghost"), bad(store.Tokens, "0123456789ab"), bad(store.Holders, "ghost"), bad(store.Leaves, "1a2b"),
		bad(store.Traffic, "reviews"), bad(store.Replicas, "ghost"), bad(store.Instances, "web-1"),
		bad(store.Events, "0000000000000001"), bad(store.History, "0000000000000002"),
	); err != nil {
		t.Fatal(err)
	}
	p.start(nil)
	eventually(t, "return of the sidecar, whose own entry is one of them", func() bool {
		all, err := c.Proxies(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(all) == 1 && all[0].Connected
	})
	listsAreWhole(t, c)
	var told []mesh.Unreadable
	eventually(t, "all to be told", func() bool {
		told, err = c.Unreadable(t.Context())
		return err == nil && len(told) == tables
	})
	for _, u := range told {
		if err := c.Discard(t.Context(), u.Table, u.Key, "ada"); err != nil {
			t.Errorf("discard %s: %v", u.What(), err)
		}
	}
	eventually(t, "nothing to tell", func() bool {
		told, err = c.Unreadable(t.Context())
		return err == nil && len(told) == 0
	})
	if err := c.Discard(t.Context(), store.Streams, "web-1", "ada"); err == nil {
		t.Error("what can be read was discarded")
	}
	eventually(t, "events of each", func() bool {
		events, err := c.Events(t.Context(), admin.EventQuery{Kind: mesh.EventConfig, Limit: 100})
		n := map[bool]int{}
		for _, e := range events {
			n[strings.HasPrefix(e.Summary, "discarded ") && e.By == "ada"]++
		}
		return err == nil && n[true] == tables && n[false] >= tables
	})
}

// listsAreWhole but for what cannot be read, of which each says so.
func listsAreWhole(t *testing.T, c *admin.Client) {
	t.Helper()
	if all, err := c.Replicas(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("control planes: %+v, %v", all, err)
	}
	state := map[string]int{}
	tokens, err := c.Tokens(t.Context())
	for _, one := range tokens {
		state[one.State]++
	}
	if err != nil || state["unreadable"] != 1 || state["good"] < 2 {
		t.Errorf("tokens: %+v, %v", tokens, err)
	}
	at, err := c.Authority(t.Context())
	if err != nil || len(at.Lagging) != 1 || len(at.Outstanding) != 1 {
		t.Errorf("CA: lagging %+v, outstanding %+v, %v; want the one of each that may be anybody", at.Lagging, at.Outstanding, err)
	}
	if traffic, err := c.Traffic(t.Context(), "reviews"); err != nil || traffic.Weights["v1"] != 80 || traffic.CanUndo {
		t.Errorf("traffic: %+v, %v", traffic, err)
	}
	events, err := c.Events(t.Context(), admin.EventQuery{Limit: 1000})
	if last := len(events) - 1; err != nil || last < 1 || !strings.HasPrefix(events[last].Summary, "an event that cannot be read") || events[last].Time.IsZero() {
		t.Errorf("events: %+v, %v", events, err)
	}
	history, err := c.History(t.Context(), admin.HistoryQuery{Limit: 10})
	if err != nil || len(history) != 2 || history[0].Unreadable == "" || history[1].Unreadable != "" {
		t.Errorf("history: %+v, %v", history, err)
	}
	if _, err := c.Restore(t.Context(), 1, "ada", true); err == nil || !strings.Contains(err.Error(), "change 2, which came since, cannot be read") {
		t.Errorf("restore over a change that nobody knows: %v", err)
	}
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
