package mirror

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// badly stores what is no value of a table.
func (r *rig) badly(n News, table, key string) {
	r.Helper()
	r.commit(n, store.TableOf[string](r.store, table).Put(key, "from the future"))
}

func (r *rig) route(n int, manifest string) {
	r.Helper()
	r.commit(Ordinary, r.resources.Put(fmt.Sprintf("VirtualService/default/s%d", n), mesh.Resource{Manifest: manifest}))
}

// resync tells the mirror of all there is, as after the store was away.
func (r *rig) resync() {
	r.Helper()
	ctx, stop := context.WithCancel(r.Context())
	r.store.Follow(ctx, Tables, func(b store.Batch) {
		r.mirror.Tell(b)
		stop()
	})
}

// whats is what cannot be read, and what holds instead.
func (r *rig) whats() []string {
	out := []string{}
	for _, u := range r.mirror.Unreadable() {
		out = append(out, u.What()+": "+u.Instead)
	}
	return out
}

func timeouts(s hub.State, service mesh.ServiceName) (out []string) {
	for _, r := range s.Snapshots[service].Routes {
		out = append(out, r.Timeout.String())
	}
	return out
}

// TestAValueThatCannotBeReadStopsNothing: what it said before stays in force, and the rest
// goes on.
func TestAValueThatCannotBeReadStopsNothing(t *testing.T) {
	r := newRig(t)
	if err := r.store.Commit(t.Context(), nil,
		r.resources.Put("VirtualService/default/s1", mesh.Resource{Manifest: fmt.Sprintf(split, 1, 1, 1, 1)}),
		r.instances.Put("i1", mesh.Instance{Service: "s1", State: mesh.Ready, Address: netip.MustParseAddrPort("127.0.0.1:80")}),
		r.verdicts.Put("v1", mesh.Verdict{ID: "v1", Target: mesh.Target{Service: "s1"}, Phase: mesh.Tripped}),
		store.TableOf[Settings](r.store, store.Settings).Put("mesh", Settings{PathNormalization: "MERGE_SLASHES"}),
	); err != nil {
		t.Fatal(err)
	}
	r.want(Urgent)
	before := r.load()
	r.route(1, "kind: FromTheFuture")
	r.badly(Ordinary, store.Instances, "i1")
	r.badly(Urgent, store.Verdicts, "v1")
	r.badly(Ordinary, store.Settings, "mesh")
	r.route(2, fmt.Sprintf(split, 2, 2, 7, 2)) // somebody else's change
	want := []string{
		"instances i1: " + mesh.InsteadLastGood,
		"VirtualService default/s1: " + mesh.InsteadLastGood,
		"settings mesh: " + mesh.InsteadLastGood,
		"verdicts v1: " + mesh.InsteadLastGood,
	}
	for _, when := range []string{"as they come", "after the store was away"} {
		s := r.load()
		if diff := cmp.Diff(before.Snapshots["s1"], s.Snapshots["s1"], cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("%s: s1 is not as it was:\n%s", when, diff)
		}
		if !s.Policies.Equal(before.Policies) {
			t.Errorf("%s: policies are not as they were", when)
		}
		if got := timeouts(s, "s2"); len(got) != 1 || got[0] != "7s" {
			t.Errorf("%s: the other change has not come: %v", when, got)
		}
		if diff := cmp.Diff(want, r.whats()); diff != "" {
			t.Errorf("%s: told to be unreadable (-want +got):\n%s", when, diff)
		}
		r.resync()
	}
	if u := r.mirror.Unreadable()[1]; u.Table != store.Resources || u.Revision == 0 || !strings.Contains(u.Reason, "FromTheFuture") || strings.Contains(u.Reason, "\n") {
		t.Errorf("the route is told as %+v, want its place and the reason in one line", u)
	}
	r.route(1, fmt.Sprintf(split, 1, 1, 9, 1))
	if got := timeouts(r.load(), "s1"); len(got) != 1 || got[0] != "9s" || len(r.whats()) != 3 {
		t.Errorf("mended: timeouts %v, unreadable %v", got, r.whats())
	}
	r.route(1, "kind: FromTheFuture")
	r.commit(Ordinary, r.resources.Delete("VirtualService/default/s1"))
	r.commit(Ordinary, r.instances.Delete("i1"))
	r.commit(Urgent, r.verdicts.Delete("v1"))
	if s, there := r.load().Snapshots["s1"]; there || len(r.whats()) != 1 {
		t.Errorf("deleted, but there is %+v, unreadable %v", s, r.whats())
	}
}

const allow = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: %s, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  rules: [{from: [{source: {principals: ["%s"]}}]}]
`

// TestWhatWasNeverReadDoesNotFailOpen: where a control plane starts with a policy that it
// cannot read, it lets in nobody on its account.
func TestWhatWasNeverReadDoesNotFailOpen(t *testing.T) {
	r := newRig(t)
	key := func(name string) string { return "AuthorizationPolicy/default/" + name }
	good := fmt.Sprintf(allow, "web", "mesh.local/ns/shop/sa/a")
	bad := strings.Replace(good, "principals:", "principalsOfTomorrow:", 1)
	web := mesh.Instance{ID: "web-1", Service: "web", Labels: map[string]string{"app": "web"}}
	r.commit(Ordinary, r.resources.Put(key("web"), mesh.Resource{Manifest: bad}))
	r.route(1, "kind: FromTheFuture")
	s := r.load()
	want := []mesh.Authorization{{Name: "default/web", Action: "ALLOW"}} // which allows nothing
	if diff := cmp.Diff(want, s.Policies.For(web).Authorization); diff != "" {
		t.Errorf("of a policy that was never read (-want +got):\n%s", diff)
	}
	if got := s.Policies.For(mesh.Instance{Service: "other"}).Authorization; len(got) != 0 {
		t.Errorf("it holds for those it does not select: %+v", got)
	}
	if diff := cmp.Diff([]string{"AuthorizationPolicy default/web: " + mesh.InsteadLeast, "VirtualService default/s1: " + mesh.InsteadNothing}, r.whats()); diff != "" {
		t.Error(diff)
	}
	r.commit(Ordinary, r.resources.Put(key("web"), mesh.Resource{Manifest: good}))
	if got := r.load().Policies.For(web).Authorization; len(got) != 1 || len(got[0].Rules) != 1 {
		t.Errorf("mended, it says %+v", got)
	}
	r.commit(Ordinary, r.resources.Put(key("web"), mesh.Resource{Manifest: bad}))
	r.resync()
	if got := r.load().Policies.For(web).Authorization; len(got) != 1 || len(got[0].Rules) != 1 {
		t.Errorf("with a last good one it says %+v", got)
	}
	// Another one of the same name is not the one that was read.
	r.commit(Ordinary, r.resources.Delete(key("web")))
	r.commit(Ordinary, r.resources.Put(key("web"), mesh.Resource{Manifest: bad}))
	if got := r.load().Policies.For(web).Authorization; len(got) != 1 || len(got[0].Rules) != 0 {
		t.Errorf("a new one that cannot be read says %+v", got)
	}
	r.commit(Ordinary, r.resources.Delete(key("web")))
	if got := r.load().Policies.For(web).Authorization; len(got) != 0 {
		t.Errorf("deleted, it says %+v", got)
	}
}
