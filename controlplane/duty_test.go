package controlplane

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// A duty is one holder's for as long as they ask, at whichever control plane, and then the
// next one's.
func TestADutyIsOneHolders(t *testing.T) {
	t.Parallel()
	at := etcd(t)
	all := fleetOn(t, []string{at})[:2]
	a, b := all[0].admin(), all[1].admin()
	take := func(who string, want bool) {
		t.Helper()
		for name, c := range map[string]*admin.Client{"a": a, "b": b} {
			if got, err := c.Duty(t.Context(), "rules", who); err != nil || got != want {
				t.Errorf("%s asks at %s: %v, %v, want %v", who, name, got, err, want)
			}
		}
	}
	take("one", true)
	take("two", false)
	take("one", true)
	if got, err := b.Duty(t.Context(), "another", "two"); err != nil || !got {
		t.Errorf("another duty: %v, %v", got, err)
	}
	s, err := store.Open(t.Context(), store.Config{Endpoints: []string{at}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	item, err := store.TableOf[string](s, store.Duties).Item(t.Context(), "rules")
	if err != nil || item.Lease == 0 {
		t.Fatalf("%+v, %v", item, err)
	}
	if err := s.Revoke(t.Context(), item.Lease); err != nil { // as when it runs out
		t.Fatal(err)
	}
	take("two", true)
	take("one", false)
}
